"""Endpoints for the catalogue and availability."""

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch
from django.http import Http404
from django.utils.dateparse import parse_date
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied, ValidationError
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
from bookings.api.serializers import (
    AvailabilityQuerySerializer,
    AvailabilitySerializer,
    ServiceSerializer,
)
from bookings.api.throttles import BookingAccessThrottle, PublicThrottle
from bookings.models import Booking, Resource, Service
from bookings.scheduling.availability import find_free_slots
from foundation.http.openapi import raises
from foundation.http.query_params import parse_query_params


class ServiceList(PublicEndpoint, generics.ListAPIView[Service]):
    """The catalogue: the services that can be booked."""

    request_cost = 2
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
        auth=[],
    )
    @raises(ValidationError)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parse_query_params(request, serializers.Serializer)
        return super().get(request, *args, **kwargs)


class ServiceAvailability(BookingEndpoint):
    """The free slots of a service."""

    throttle_classes = [PublicThrottle]

    def perform_authentication(self, request: Request) -> None:
        # Only `booking` needs a token: an expired one must not hide free slots.
        with nullcontext() if "booking" in request.query_params else suppress(AuthenticationFailed):
            super().perform_authentication(request)

    def get_throttles(self) -> list[BaseThrottle]:
        # A guessed manage token counts against its rate limit, too.
        access = [BookingAccessThrottle()] if "booking" in self.request.query_params else []
        return [*super().get_throttles(), *access]

    @property
    def request_cost(self) -> int:
        """The days that the request asks for, at about 1 ms each."""
        return 1 + _requested_days(self.request.query_params) // 5

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
    @raises(PermissionDenied)
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


def _requested_days(params: Mapping[str, str]) -> int:
    """Return how many days a request for availability asks for; 0 if its dates are invalid and will be refused."""
    try:
        first = parse_date(params.get("from", ""))
        last = parse_date(params.get("to", "")) or first
    except ValueError:
        return 0
    days = (last - first).days + 1 if first and last else 0
    return days if 0 < days <= AvailabilityQuerySerializer.MAX_DAYS else 0


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
