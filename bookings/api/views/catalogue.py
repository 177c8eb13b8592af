"""Endpoints for the catalogue and availability."""

from typing import Any

from django.db.models import F, Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import generics, permissions, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.api.serializers import AvailabilityQuerySerializer, AvailabilitySerializer, ServiceSerializer
from bookings.models import Resource, Service
from bookings.scheduling.availability import find_free_slots
from foundation.http.query_params import parse_query_params


class ServiceList(generics.ListAPIView[Service]):
    """The catalogue: the services that can be booked."""

    permission_classes = [permissions.AllowAny]
    serializer_class = ServiceSerializer
    pagination_class = None
    queryset = (
        Service.objects.filter(is_active=True)
        .select_related("location", "category")
        .prefetch_related(
            Prefetch("resources", Resource.objects.filter(is_active=True, locations=F("services__location")))
        )
    )

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parse_query_params(request, serializers.Serializer)
        return super().get(request, *args, **kwargs)


class ServiceAvailability(APIView):
    """The free slots of a service."""

    permission_classes = [permissions.AllowAny]

    @extend_schema(
        summary="List the free slots of a service",
        parameters=[AvailabilityQuerySerializer],
        responses=AvailabilitySerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        service = Service.objects.filter(slug=slug, is_active=True).select_related("location").first()
        if service is None:
            raise NotFound("There is no such service. GET /services/ lists all services.")
        query = parse_query_params(request, AvailabilityQuerySerializer)
        slots = find_free_slots(service, query["from"], query["to"], query["resource"], party_size=query["party_size"])
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
