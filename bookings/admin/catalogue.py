"""The catalogue in the admin: locations, categories, services, resources and their hours."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from bookings.admin.catalogue_effects import RESCHEDULE_OR_CANCEL, CatalogueAdmin, warn_about_rows, warn_if_not_bookable
from bookings.admin.forms import ServiceForm
from bookings.admin.working_hours import WorkingHoursInline, only_location
from bookings.models import (
    Booking,
    Category,
    Location,
    Resource,
    Service,
)
from bookings.models.booking import BookingQuerySet
from bookings.operations import update_location
from bookings.scheduling.catalogue_conflicts import find_overbooked_sessions
from foundation.http.staff_admin import StaffAdmin
from foundation.money import format_money
from foundation.timezones import format_local_time


@admin.register(Resource)
class ResourceAdmin(CatalogueAdmin):
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

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        # The hours name where a resource is, so it serves these locations, too.
        resource: Resource = form.instance
        resource.locations.add(*resource.working_hours.values_list("location", flat=True))

    def resources_of(self, obj: Resource) -> QuerySet[Resource]:
        return Resource.objects.filter(pk=obj.pk)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        resource: Resource = form.instance
        services = set(resource.services.all())
        super().save_related(request, form, formsets, change)
        warn_if_not_bookable(request, sorted(services | set(resource.services.all()), key=str))

    def delete_model(self, request: HttpRequest, obj: Resource) -> None:
        services = list(obj.services.all())
        super().delete_model(request, obj)
        warn_if_not_bookable(request, services)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Resource]) -> None:
        services = list(Service.objects.filter(resources__in=queryset).distinct())
        super().delete_queryset(request, queryset)
        warn_if_not_bookable(request, services)


class ServiceResourceInline(admin.TabularInline):
    model = Resource.services.through
    extra = 0
    verbose_name = "resource that offers this service"
    verbose_name_plural = "resources that offer this service"


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin):
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
    # What a booking copies, as its page names it. Reminders follow the service.
    copied_fields = {
        "price_minor": "price",
        "deposit_minor": "deposit",
        "payment_mode": "payment mode",
        "duration_minutes": "duration",
        "buffer_before_minutes": "buffers",
        "buffer_after_minutes": "buffers",
        "cancel_cutoff_minutes": "cut-off for cancelling",
        "reschedule_cutoff_minutes": "cut-off for rescheduling",
    }

    @admin.display(ordering="price_minor")
    def price(self, service: Service) -> str:
        return format_money(service.price_minor, service.currency)

    def bookings_of(self, obj: Service) -> BookingQuerySet:
        return Booking.objects.filter(service=obj.pk)

    def resources_of(self, obj: Service) -> QuerySet[Resource]:
        return Resource.objects.filter(
            pk__in=Resource.services.through.objects.filter(service=obj.pk).values("resource")
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        service: Service = form.instance
        warn_if_not_bookable(request, [service])
        self._warn_about_overbooked_sessions(request, service)
        self._state_what_bookings_keep(request, service, form.changed_data)

    def _warn_about_overbooked_sessions(self, request: HttpRequest, service: Service) -> None:
        zone, sessions = service.location.zone, find_overbooked_sessions(service)
        rows = [(row, format_local_time(row.starts_at, zone), f"{row.booked} booked") for row in sessions]
        state = f"Sessions with more people than the {service.capacity} places"
        warn_about_rows(request, state, rows, "Reschedule or cancel some of their bookings, or raise the capacity.")

    def _state_what_bookings_keep(self, request: HttpRequest, service: Service, changed: list[str]) -> None:
        names = list(dict.fromkeys(self.copied_fields[field] for field in changed if field in self.copied_fields))
        count = self.bookings_of(service).upcoming().count()
        if names and count:
            keeps = f"{count} upcoming booking{pluralize(count, ' keeps,s keep')}"
            messages.info(request, f"{keeps} what the customer was promised: {', '.join(names)}.")


@admin.register(Location)
class LocationAdmin(CatalogueAdmin):
    list_display = ["name", "address", "timezone"]

    def resources_of(self, obj: Location) -> QuerySet[Resource]:
        return Resource.objects.filter(locations=obj.pk)

    def save_row(self, obj: Location) -> None:
        update_location(location=obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "timezone" in form.changed_data:
            bookings = Booking.objects.upcoming().filter(service__location=form.instance)
            bookings = bookings.select_related("service__location").order_by("starts_at")
            rows = [(b, b.reference, _describe_outdated_time(b)) for b in bookings if b.has_outdated_zone]
            warn_about_rows(request, "Booked in another time zone", rows, RESCHEDULE_OR_CANCEL)


@admin.register(Category)
class CategoryAdmin(StaffAdmin):
    list_display = ["name"]


def _describe_outdated_time(booking: Booking) -> str:
    promised = format_local_time(booking.starts_at, booking.zone)
    current = format_local_time(booking.starts_at, booking.service.location.zone)
    return f"booked for {promised}; in the new time zone this is {current}"
