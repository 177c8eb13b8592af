"""The status transitions that the booking page offers as buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

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

Status = Booking.Status
CORRECT = "bookings.correct_booking"


@dataclass(frozen=True)
class Transition:
    """A button on the booking page: its operation, its permission, and the statuses in which it is shown.

    Users who may correct bookings also see it in the status ``corrects``.
    """

    operation: Callable[..., Booking]
    permission: str
    statuses: list[Booking.Status]
    past_tense: str
    corrects: Booking.Status | None = None

    def is_available(self, booking: Booking, request: HttpRequest) -> bool:
        may_correct = booking.status == self.corrects and request.user.has_perm(CORRECT)
        return request.user.has_perm(self.permission) and (booking.status in self.statuses or may_correct)

    def perform(self, booking: Booking, request: HttpRequest) -> Booking:
        options = {"may_correct": request.user.has_perm(CORRECT)} if self.corrects else {}
        return self.operation(booking_id=booking.pk, actor=Actor.from_user(request.user), **options)

    def check_permission(self, request: HttpRequest) -> None:
        # django-object-actions only checks that the user is staff.
        if not request.user.has_perm(self.permission):
            raise PermissionDenied


CONFIRM = Transition(confirm_booking, "bookings.confirm_booking", [Status.PENDING], "confirmed")
DECLINE = Transition(decline_booking, "bookings.confirm_booking", [Status.PENDING], "declined")
COMPLETE = Transition(
    complete_booking, "bookings.complete_booking", [Status.CONFIRMED], "completed", corrects=Status.NO_SHOW
)
NO_SHOW = Transition(
    mark_no_show, "bookings.complete_booking", [Status.CONFIRMED], "marked as a no-show", corrects=Status.COMPLETED
)
RESCHEDULE = Transition(reschedule_booking, "bookings.reschedule_booking", Booking.RESCHEDULABLE, "rescheduled")
CANCEL = Transition(cancel_booking, "bookings.cancel_booking", Booking.BLOCKING, "cancelled")
