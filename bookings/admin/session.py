"""Sessions with their attendees, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bookings.models import Booking, Session
from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.timezones import format_local_time


class AttendeeInline(admin.TabularInline):
    model = Booking
    fields = ["customer", "party_size", "status"]  # shown below the booking's reference
    readonly_fields = ["customer", "party_size", "status"]
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "attendees"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        inactive_statuses = [Booking.Status.CANCELLED, Booking.Status.DECLINED, Booking.Status.EXPIRED]
        return super().get_queryset(request).exclude(status__in=inactive_statuses).select_related("customer")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions of classes, with their attendees."""

    list_display = ["starts", "service", "resource", "places"]
    list_filter = ["service", "resource", "starts_at"]
    list_select_related = ["service__location", "resource"]
    fields = ["service", "resource", "starts", "places"]
    readonly_fields = ["starts", "places"]
    inlines = [AttendeeInline]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, session: Session) -> str:
        return format_local_time(session.starts_at, session.service.location.zone)

    @admin.display(description="places", ordering="booked")
    def places(self, session: Session) -> str:
        return session.places
