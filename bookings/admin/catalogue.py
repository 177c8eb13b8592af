"""The catalogue in the admin: locations, categories, services, resources and their hours."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bookings.admin.forms import ServiceForm
from bookings.admin.schedule_exception import warn_about_bookings
from bookings.admin.working_hours import WorkingHoursInline, only_location
from bookings.models import (
    Booking,
    Category,
    Location,
    Resource,
    Service,
)
from foundation.http.staff_admin import StaffAdmin
from foundation.money import format_money


@admin.register(Resource)
class ResourceAdmin(StaffAdmin):
    list_display = ["name", "kind", "places", "is_active"]
    list_filter = ["kind", "locations", "is_active"]
    filter_horizontal = ["services"]
    inlines = [WorkingHoursInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Resource]:
        return super().get_queryset(request).prefetch_related("locations")

    @admin.display(description="locations")
    def places(self, resource: Resource) -> str:
        return ", ".join(location.name for location in resource.locations.all())

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "locations" and (location := only_location()):
            kwargs["initial"] = [location]
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # The hours name where a resource is, so it serves these locations, too.
        resource: Resource = form.instance
        resource.locations.add(*resource.working_hours.values_list("location", flat=True))

    def save_model(self, request: HttpRequest, obj: Resource, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            bookings = Booking.objects.active().occupying(Resource.objects.filter(pk=obj.pk))
            warn_about_bookings(request, bookings.filter(ends_at__gt=timezone.now()))


class ServiceResourceInline(admin.TabularInline):
    model = Resource.services.through
    extra = 0
    verbose_name = "resource that offers this service"
    verbose_name_plural = "resources that offer this service"


@admin.register(Service)
class ServiceAdmin(StaffAdmin):
    form = ServiceForm
    list_display = [
        "name",
        "location",
        "duration_minutes",
        "price",
        "payment_mode",
        "requires_confirmation",
        "is_active",
    ]
    list_filter = ["location", "payment_mode", "is_active"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ServiceResourceInline]

    @admin.display(ordering="price_minor")
    def price(self, service: Service) -> str:
        return format_money(service.price_minor, service.currency)


@admin.register(Location)
class LocationAdmin(StaffAdmin):
    list_display = ["name", "address", "timezone"]


@admin.register(Category)
class CategoryAdmin(StaffAdmin):
    list_display = ["name"]
