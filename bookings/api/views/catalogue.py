"""Endpoints for the catalogue and availability."""

from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound, PermissionDenied, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from bookings.api.permissions import (
    BOOKING_TOKEN,
    STAFF_OR_BOOKING_TOKEN,
    BookingEndpoint,
    PublicEndpoint,
    deny,
    may_view_all,
    owns_booking,
)
from bookings.api.serializers import AvailabilityQuerySerializer, AvailabilitySerializer, ServiceSerializer
from bookings.api.throttles import BookingAccessThrottle
from bookings.models import Booking, Resource, Service
from bookings.scheduling.availability import find_free_slots
from foundation.http.openapi import raises
from foundation.http.query_params import parse_query_params


class ServiceList(PublicEndpoint, generics.ListAPIView[Service]):
    """The catalogue: the services that can be booked."""

    serializer_class = ServiceSerializer
    pagination_class = None
    queryset = (
        Service.objects.filter(is_active=True)
        .select_related("location", "category")
        .prefetch_related(
            Prefetch("resources", Resource.objects.filter(is_active=True, locations=F("services__location")))
        )
    )

    @extend_schema(
        operation_id="listServices",
        summary="List the services",
        description="All services that can be booked now, with their rules and resources.",
    )
    @raises(ValidationError)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parse_query_params(request, serializers.Serializer)
        return super().get(request, *args, **kwargs)


class ServiceAvailability(BookingEndpoint):
    """The free slots of a service."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        # Only `booking` needs a token: an expired one must not hide free slots. The schema is made without a request.
        return super().get_authenticators() if not self.request or "booking" in self.request.GET else []

    def get_throttles(self) -> list[BaseThrottle]:
        # A guessed manage token counts against the rate limit.
        return [BookingAccessThrottle()] if "booking" in self.request.query_params else super().get_throttles()

    @extend_schema(
        operation_id="getAvailability",
        summary="List the free slots of a service",
        description="For each day from `from` to `to`, both included, in the time zone of the service's location. "
        "With `booking`, its manage token, the service token that created it, or a token of staff is needed; without "
        "it, none is.",
        parameters=[AvailabilityQuerySerializer, BOOKING_TOKEN],
        auth=[*STAFF_OR_BOOKING_TOKEN, {}],
        responses=AvailabilitySerializer,
    )
    @raises(PermissionDenied, Throttled)
    def get(self, request: Request, slug: str) -> Response:
        service = Service.objects.filter(slug=slug).select_related("location").first()
        # A booking can be rescheduled although its service is not offered any longer.
        if service is None or not (service.is_active or "booking" in request.query_params):
            raise NotFound("There is no such service. GET /services/ lists all services.")
        query = parse_query_params(request, AvailabilityQuerySerializer)
        booking = _find_booking(request, query["booking"], service) if "booking" in query else None
        party_size = query.get("party_size", booking.party_size if booking else 1)
        slots = find_free_slots(
            service, query["from"], query["to"], query["resource"], party_size=party_size, booking=booking
        )
        return Response(
            {
                "service": service.slug,
                "timezone": service.location.timezone,
                "slots": [
                    {
                        "starts_at": slot.starts_at.isoformat(),
                        "ends_at": slot.ends_at.isoformat(),
                        "resources": slot.resources,
                        "places": slot.places,
                    }
                    for slot in slots
                ],
            }
        )


def _find_booking(request: Request, booking_id: UUID, service: Service) -> Booking:
    """Return the caller's booking. Raises 403 or 404 if the caller may not see it, and for another service."""
    booking = Booking.objects.filter(pk=booking_id).first()
    if not may_view_all(request) and not owns_booking(request, booking):
        deny(request)
    if booking is None:
        raise Http404
    if booking.service_id != service.pk:
        raise serializers.ValidationError({"booking": "This booking is for another service. Use that one's slug."})
    return booking
