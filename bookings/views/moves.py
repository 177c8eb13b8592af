"""What staff and customers do with a booking over HTTP."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.limits import Bookings, Lookups
from bookings.models import Booking
from bookings.operations import (
    Actor,
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
    reschedule_booking,
)
from bookings.serializers import BookingSerializer, RescheduleRequest, booking_answer
from bookings.views.access import CUSTOMER, LACKS_PERMISSION, TOKEN, MethodFirst, opens, refuse, staff


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
        if not opens(request, Booking.objects.filter(pk=booking_id).first()):
            refuse(request)
        return CUSTOMER


class CancelBooking(_Change):
    permission = "bookings.cancel_booking"

    @extend_schema(summary="Cancel a booking", request=None, parameters=[TOKEN], responses=BookingSerializer)
    def post(self, request: Request, booking_id: UUID) -> Response:
        booking = cancel_booking(booking_id=booking_id, actor=self.actor(request, booking_id))
        return Response(booking_answer(booking))


class RescheduleBooking(_Change):
    throttle_classes = [Lookups, Bookings]
    permission = "bookings.reschedule_booking"

    @extend_schema(summary="Move a booking to another time", request=RescheduleRequest, parameters=[TOKEN],
                   responses=BookingSerializer)  # fmt: skip
    def put(self, request: Request, booking_id: UUID) -> Response:
        actor = self.actor(request, booking_id)
        form = RescheduleRequest(data=request.data)
        form.is_valid(raise_exception=True)
        booking = reschedule_booking(booking_id=booking_id, actor=actor, **form.validated_data)
        return Response(booking_answer(booking))


def _may_correct(request: Request) -> bool:
    return request.user.has_perm("bookings.correct_booking")
