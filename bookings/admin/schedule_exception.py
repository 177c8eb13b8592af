"""Exceptions to the working hours, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bookings.admin.catalogue_effects import CatalogueAdmin
from bookings.admin.forms import ScheduleExceptionForm
from bookings.models import Resource, ScheduleException
from foundation.timezones import format_local_time


@admin.register(ScheduleException)
class ScheduleExceptionAdmin(CatalogueAdmin):
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

    def resources_of(self, obj: ScheduleException) -> QuerySet[Resource]:
        stored = ScheduleException.objects.filter(pk=obj.pk).values_list("location", flat=True)
        locations = {obj.location_id, *stored}
        return Resource.objects.filter(pk__in=Resource.objects.filter(locations__in=locations).values("pk"))

    @admin.display(description="applies to")
    def applies_to(self, exception: ScheduleException) -> str:
        return str(exception.resource or "the whole location")
