"""Endpoints that change the status or the time of a booking. The operation decides whether its status allows it."""

from functools import partial
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.api.permissions import (
    BOOKING_TOKEN,
    STAFF_OR_BOOKING_TOKEN,
    BookingEndpoint,
    StaffEndpoint,
    customer_actor,
    deny,
    owns_booking,
    staff_actor,
)
from bookings.api.representation import BookingSerializer, represent_booking
from bookings.api.serializers import RescheduleInputSerializer
from bookings.api.throttles import BookingAccessThrottle, BookingThrottle
from bookings.exceptions import (
    AlreadyBooked,
    BookingNotFound,
    InvalidTransition,
    OutsideHours,
    PartyTooLarge,
    SlotTaken,
    TooEarly,
    TooLateToChange,
)
from bookings.models import Booking
from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
    reschedule_booking,
)
from foundation.events import Actor
from foundation.http.openapi import raises

STAFF_ONLY = "For staff with the permission; a repeat changes nothing."


class ConfirmBooking(StaffEndpoint):
    permission = "bookings.confirm_booking"

    @extend_schema(
        operation_id="confirmBooking",
        summary="Confirm a pending booking",
        description=STAFF_ONLY,
        request=None,
        responses=BookingSerializer,
    )
    @raises(InvalidTransition)
    def put(self, request: Request, booking_id: UUID) -> Response:
        return Response(represent_booking(confirm_booking(booking_id=booking_id, actor=staff_actor(request))))


class DeclineBooking(StaffEndpoint):
    permission = "bookings.confirm_booking"

    @extend_schema(
        operation_id="declineBooking",
        summary="Decline a pending booking",
        description=f"{STAFF_ONLY} The slot is free again, and what was paid is refunded.",
        request=None,
        responses=BookingSerializer,
    )
    @raises(InvalidTransition)
    def put(self, request: Request, booking_id: UUID) -> Response:
        return Response(represent_booking(decline_booking(booking_id=booking_id, actor=staff_actor(request))))


class CompleteBooking(StaffEndpoint):
    permission = "bookings.complete_booking"

    @extend_schema(
        operation_id="completeBooking",
        summary="Complete a confirmed booking",
        description=f"{STAFF_ONLY} On the day of the visit or later.",
        request=None,
        responses=BookingSerializer,
    )
    @raises(InvalidTransition, TooEarly)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = complete_booking(booking_id=booking_id, actor=staff_actor(request), may_correct=_may_correct(request))
        return Response(represent_booking(booking))


class MarkNoShow(StaffEndpoint):
    permission = "bookings.complete_booking"

    @extend_schema(
        operation_id="markNoShow",
        summary="Mark a booking as a no-show",
        description=f"{STAFF_ONLY} Once the visit has started.",
        request=None,
        responses=BookingSerializer,
    )
    @raises(InvalidTransition, TooEarly)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = mark_no_show(booking_id=booking_id, actor=staff_actor(request), may_correct=_may_correct(request))
        return Response(represent_booking(booking))


class _StaffOrCustomerChange(BookingEndpoint):
    """A change by staff who have ``permission``, or by or for the customer, until the cutoff."""

    throttle_classes = [BookingAccessThrottle]
    permission: ClassVar[str]
    raises = (PermissionDenied,)

    def actor(self, request: Request, booking_id: UUID) -> Actor:
        """Return the actor of the change; raise 403 or 404 if the caller may not make it."""
        if request.user.has_perm(self.permission):
            return staff_actor(request)
        if not owns_booking(request, Booking.objects.filter(pk=booking_id).first()):
            deny(request)
        return customer_actor(request)


class CancelBooking(_StaffOrCustomerChange):
    permission = "bookings.cancel_booking"

    @extend_schema(
        operation_id="cancelBooking",
        summary="Cancel a booking",
        description="Staff at any time; the customer with the manage token, or the service token that created the "
        "booking, until its `cancel_until`. Its payment is refunded if the business's rules say so.",
        request=None,
        parameters=[BOOKING_TOKEN],
        responses=BookingSerializer,
        auth=STAFF_OR_BOOKING_TOKEN,
    )
    @raises(InvalidTransition, TooLateToChange)
    def post(self, request: Request, booking_id: UUID) -> Response:
        booking = cancel_booking(booking_id=booking_id, actor=self.actor(request, booking_id))
        return Response(represent_booking(booking))


class RescheduleBooking(_StaffOrCustomerChange):
    throttle_classes = [BookingAccessThrottle, BookingThrottle]
    permission = "bookings.reschedule_booking"

    @extend_schema(
        operation_id="rescheduleBooking",
        summary="Reschedule a booking",
        description="Staff at any time; the customer with the manage token, or the service token that created the "
        "booking, until its `reschedule_until`. Without `resource`, the booking keeps its resource if that is free. If "
        "the service has `reconfirms_reschedules`, a booking that its customer reschedules is pending until staff "
        "confirm it, and its earlier time is released.",
        request=RescheduleInputSerializer,
        parameters=[BOOKING_TOKEN],
        responses=BookingSerializer,
        auth=STAFF_OR_BOOKING_TOKEN,
    )
    @raises(InvalidTransition, TooLateToChange, SlotTaken, AlreadyBooked, OutsideHours, PartyTooLarge)
    def put(self, request: Request, booking_id: UUID) -> Response:
        actor = self.actor(request, booking_id)
        zone = partial(_zone_of, booking_id)
        serializer = RescheduleInputSerializer(data=request.data, context={"zone": zone})
        serializer.is_valid(raise_exception=True)
        booking = reschedule_booking(booking_id=booking_id, actor=actor, **serializer.validated_data)
        return Response(represent_booking(booking))


def _zone_of(booking_id: UUID) -> ZoneInfo:
    """Return the zone of the booking's location. Raises BookingNotFound."""
    booking = Booking.objects.select_related("service__location").filter(pk=booking_id).first()
    if booking is None:
        raise BookingNotFound
    return booking.service.location.zone


def _may_correct(request: Request) -> bool:
    return request.user.has_perm("bookings.correct_booking")
