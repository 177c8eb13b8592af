"""Bookings over HTTP: translate in, one call, translate out."""

from collections.abc import Container
from datetime import datetime
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, permissions, serializers
from rest_framework.exceptions import MethodNotAllowed, NotFound, PermissionDenied, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from bookings.availability import free_slots
from bookings.idempotency import IDEMPOTENCY_KEY, answer_once
from bookings.limits import Lookups, NewBookings
from bookings.manage_tokens import TokenMaker
from bookings.models import Booking, Service
from bookings.operations import (
    Actor,
    Booked,
    cancel_booking,
    complete_booking,
    confirm_booking,
    create_booking,
    decline_booking,
    mark_no_show,
    reschedule_booking,
)
from bookings.serializers import (
    AvailabilityQuery,
    AvailabilitySerializer,
    BookingRequest,
    BookingSerializer,
    NewBookingSerializer,
    RescheduleRequest,
    ServiceSerializer,
    booking_answer,
)

CUSTOMER = Actor("customer")
TOKEN = OpenApiParameter(
    "X-Booking-Token", str, OpenApiParameter.HEADER, description="The booking's manage token, for its customer."
)
LACKS_PERMISSION = "Your account lacks the permission for this. Ask an admin for it."


def refuse_meaningless(request: Request, known: Container[str]) -> None:
    """Raise ValidationError for a query parameter that is none, or empty: misspelt, it would show too much."""
    asked = request.query_params
    faults = {name: "It is empty. Give it a value, or leave it out." for name in asked if not asked[name]}
    faults |= {name: "There is no such parameter. Leave it out." for name in asked if name not in known}
    if faults:
        raise ValidationError(faults)


def new_booking_answer(booked: Booked) -> dict[str, object]:
    """Return the body for a new booking: the only answer that carries its manage token."""
    return {**booking_answer(booked.booking), "manage_token": booked.manage_token}


class NewestFirst(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """Return how many rows are asked for. Raises ValidationError for what is no number between 1 and the most."""
        asked = serializers.IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            return int(asked.run_validation(request.query_params.get(self.page_size_query_param, self.page_size)))
        except ValidationError as error:
            raise ValidationError({self.page_size_query_param: error.detail}) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page. DRF's own calls the links nullable, which OpenAPI 3.1 does not know."""
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor of the query. Raises NotFound where its position is no time: DRF checks only its form."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                aware = datetime.fromisoformat(str(cursor.position)).tzinfo is not None
            except ValueError:
                aware = False
            if not aware:
                raise NotFound(self.invalid_cursor_message)
        return cursor


class MethodFirst(APIView):
    """Says 405 to a method that the path does not have before it asks who is calling."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)


class MayViewBookings(permissions.BasePermission):
    """Staff with the permission; or anybody with a manage token, who sees what it opens."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return _sees_all(request) or Booking.objects.opened_by(_token(request)).exists()


class ServiceList(generics.ListAPIView[Service]):
    """The catalogue: what can be booked."""

    permission_classes = [permissions.AllowAny]
    serializer_class = ServiceSerializer
    pagination_class = None
    queryset = (
        Service.objects.filter(is_active=True).select_related("location", "category").prefetch_related("resources")
    )


class ServiceAvailability(APIView):
    """Which times of a service are free."""

    permission_classes = [permissions.AllowAny]

    @extend_schema(summary="See which times are free", parameters=[AvailabilityQuery], responses=AvailabilitySerializer)
    def get(self, request: Request, slug: str) -> Response:
        service = Service.objects.filter(slug=slug, is_active=True).select_related("location").first()
        if service is None:
            raise NotFound("There is no such service. GET /services/ lists them.")
        query = AvailabilityQuery(
            data=request.query_params.dict()
        )  # of a form, DRF would take what is empty for left out
        refuse_meaningless(request, query.fields)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        slots = free_slots(service, asked["from"], asked["to"], asked["resource"], people=asked["party_size"])
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


class BookingList(MethodFirst, generics.ListAPIView[Booking]):
    serializer_class = BookingSerializer
    pagination_class = NewestFirst
    filter_backends = [DjangoFilterBackend]
    filterset_fields = ["status", "reference", "service__slug"]

    def get_permissions(self) -> list[permissions.BasePermission]:
        return [permissions.AllowAny()] if self.request.method == "POST" else [MayViewBookings()]

    def get_throttles(self) -> list[BaseThrottle]:
        return [NewBookings()] if self.request.method == "POST" else [Lookups()]

    def get_queryset(self) -> QuerySet[Booking]:
        bookings = Booking.objects.for_api()
        return bookings if _sees_all(self.request) else bookings.opened_by(_token(self.request))

    @extend_schema(
        summary="List bookings: staff see all, a manage token its own",
        auth=[{"knoxApiToken": []}, {"bookingToken": []}],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        refuse_meaningless(request, {*self.filterset_fields, "cursor", "page_size"})
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Book a service that is paid at the desk", request=BookingRequest,
                   parameters=[IDEMPOTENCY_KEY], responses={201: NewBookingSerializer})  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        def book(token_for: TokenMaker) -> Booked:
            form = BookingRequest(data=request.data)
            form.is_valid(raise_exception=True)
            return create_booking(**form.validated_data, actor=CUSTOMER, token_for=token_for)

        return answer_once(request, book, show=new_booking_answer)


class BookingDetail(APIView):
    permission_classes = [permissions.AllowAny]
    throttle_classes = [Lookups]

    @extend_schema(
        summary="See one booking",
        parameters=[TOKEN],
        responses=BookingSerializer,
    )
    def get(self, request: Request, booking_id: UUID) -> Response:
        booking = Booking.objects.for_api().filter(pk=booking_id).first()
        if not _sees_all(request) and not _opens(request, booking):
            refuse(request)
        if booking is None:
            raise Http404
        return Response(booking_answer(booking))


def _opens(request: Request, booking: Booking | None) -> bool:
    return booking is not None and booking.opens_with(_token(request))


def refuse(request: Request) -> NoReturn:
    """Tell staff that they lack a permission, and strangers nothing: unknown and foreign bookings look the same."""
    if request.user.is_authenticated:
        raise PermissionDenied(LACKS_PERMISSION)
    raise Http404


def _sees_all(request: Request) -> bool:
    return request.user.has_perm("bookings.view_booking")


def _token(request: Request) -> str:
    return request.headers.get("X-Booking-Token", "")


class _StaffMove(MethodFirst):
    """A transition that staff make. ``permission`` guards it; the operation decides whether it may happen."""

    permission: ClassVar[str]

    def get_permissions(self) -> list[permissions.BasePermission]:
        return [permissions.IsAuthenticated()]

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if not request.user.has_perm(self.permission):
            self.permission_denied(request, LACKS_PERMISSION)


class ConfirmBooking(_StaffMove):
    permission = "bookings.confirm_booking"

    @extend_schema(summary="Confirm a pending booking", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        return Response(booking_answer(confirm_booking(booking_id=booking_id, actor=staff(request))))


class DeclineBooking(_StaffMove):
    permission = "bookings.confirm_booking"

    @extend_schema(summary="Turn a pending booking down", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        return Response(booking_answer(decline_booking(booking_id=booking_id, actor=staff(request))))


class CompleteBooking(_StaffMove):
    permission = "bookings.complete_booking"

    @extend_schema(summary="Complete a confirmed booking", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = complete_booking(booking_id=booking_id, actor=staff(request), may_correct=_may_correct(request))
        return Response(booking_answer(booking))


class MissBooking(_StaffMove):
    permission = "bookings.complete_booking"

    @extend_schema(summary="Note that nobody came", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = mark_no_show(booking_id=booking_id, actor=staff(request), may_correct=_may_correct(request))
        return Response(booking_answer(booking))


class _Change(APIView):
    """What staff may do with ``permission``, and whoever has the booking's token within its cut-off."""

    permission_classes = [permissions.AllowAny]
    throttle_classes = [Lookups]
    permission: ClassVar[str]

    def actor(self, request: Request, booking_id: UUID) -> Actor:
        """Return who asks, or refuse."""
        if request.user.has_perm(self.permission):
            return staff(request)
        if not _opens(request, Booking.objects.filter(pk=booking_id).first()):
            refuse(request)
        return CUSTOMER


class CancelBooking(_Change):
    permission = "bookings.cancel_booking"

    @extend_schema(summary="Cancel a booking", request=None, parameters=[TOKEN], responses=BookingSerializer)
    def post(self, request: Request, booking_id: UUID) -> Response:
        booking = cancel_booking(booking_id=booking_id, actor=self.actor(request, booking_id))
        return Response(booking_answer(booking))


class RescheduleBooking(_Change):
    permission = "bookings.reschedule_booking"

    @extend_schema(summary="Move a booking to another time", request=RescheduleRequest, parameters=[TOKEN],
                   responses=BookingSerializer)  # fmt: skip
    def put(self, request: Request, booking_id: UUID) -> Response:
        actor = self.actor(request, booking_id)
        form = RescheduleRequest(data=request.data)
        form.is_valid(raise_exception=True)
        booking = reschedule_booking(booking_id=booking_id, actor=actor, **form.validated_data)
        return Response(booking_answer(booking))


def staff(request: Request) -> Actor:
    """Return the signed-in user as the one who acts."""
    return Actor("staff", request.user.get_username())


def _may_correct(request: Request) -> bool:
    return request.user.has_perm("bookings.correct_booking")
