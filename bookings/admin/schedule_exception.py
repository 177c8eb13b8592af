"""Exceptions to the working hours, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from bookings.admin.forms import ScheduleExceptionForm
from bookings.models import Booking, Resource, ScheduleException
from bookings.models.booking import BookingQuerySet
from foundation.http.staff_admin import StaffAdmin
from foundation.timezones import format_local_time

MAX_LISTED = 10


def warn_about_bookings(request: HttpRequest, bookings: BookingQuerySet) -> None:
    """Warn about bookings during a time that is now closed: they are not rescheduled or cancelled automatically."""
    references = list(bookings.order_by("starts_at").values_list("reference", flat=True))
    if references:
        more = f" and {len(references) - MAX_LISTED} more" if len(references) > MAX_LISTED else ""
        messages.warning(
            request,
            f"Still booked: {', '.join(references[:MAX_LISTED])}{more}. "
            "Reschedule or cancel them; the customers will be notified.",
        )


@admin.register(ScheduleException)
class ScheduleExceptionAdmin(StaffAdmin):
    form = ScheduleExceptionForm
    list_display = ["starts", "ends", "location", "applies_to", "is_open", "reason"]
    list_filter = ["location", "is_open", "starts_at"]
    list_select_related = ["location", "resource"]

    def get_fields(self, request: HttpRequest, obj: ScheduleException | None = None) -> list[Any]:
        is_editable = obj is None or self.has_change_permission(request, obj)
        times = ["starts_at", "ends_at"] if is_editable else ["starts", "ends"]
        return ["location", "resource", *times, "is_open", "reason"]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, exception: ScheduleException) -> str:
        return format_local_time(exception.starts_at, exception.location.zone)

    @admin.display(description="ends", ordering="ends_at")
    def ends(self, exception: ScheduleException) -> str:
        return format_local_time(exception.ends_at, exception.location.zone)

    def save_model(self, request: HttpRequest, obj: ScheduleException, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        bookings = Booking.objects.active().filter(starts_at__lt=obj.ends_at, ends_at__gt=obj.starts_at)
        if obj.resource is not None:
            bookings = bookings.occupying(Resource.objects.filter(pk=obj.resource.pk))
            # Time off counts everywhere. During extra hours, the resource is at no other location.
            warn_about_bookings(request, bookings.exclude(service__location=obj.location) if obj.is_open else bookings)
        elif not obj.is_open:
            warn_about_bookings(request, bookings.filter(service__location=obj.location))

    @admin.display(description="applies to")
    def applies_to(self, exception: ScheduleException) -> str:
        return str(exception.resource or "the whole location")
