"""What can be booked, with whom, and when: the managers' part."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bookings.admin.clock import wall_clock
from bookings.forms import ScheduleExceptionForm
from bookings.models import (
    Booking,
    Category,
    Customer,
    Location,
    Resource,
    ScheduleException,
    Service,
    Session,
    WorkingHours,
)
from bookings.models.booking import BookingQuerySet
from bookings.money import as_money
from bookings.operations import correct_customer
from bookings.phones import as_e164
from bookings.read_only import ReadOnlyAdmin

SHOWN = 10


def warn_of(request: HttpRequest, bookings: BookingQuerySet) -> None:
    """Name the bookings that stand although nobody is there for them: closing moves and cancels none."""
    references = list(bookings.order_by("starts_at").values_list("reference", flat=True))
    if references:
        more = f" and {len(references) - SHOWN} more" if len(references) > SHOWN else ""
        messages.warning(
            request,
            f"Still booked: {', '.join(references[:SHOWN])}{more}. Move or cancel; the customers are told then.",
        )


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "location", "is_active"]
    list_filter = ["kind", "location", "is_active"]
    filter_horizontal = ["services"]
    inlines = [WorkingHoursInline]

    def save_model(self, request: HttpRequest, obj: Resource, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            theirs = Booking.objects.standing().that_take(Resource.objects.filter(pk=obj.pk))
            warn_of(request, theirs.filter(ends_at__gt=timezone.now()))


class ServiceResourceInline(admin.TabularInline):
    model = Resource.services.through
    extra = 0
    verbose_name = "resource that offers it"
    verbose_name_plural = "resources that offer it"


@admin.register(Service)
class ServiceAdmin(admin.ModelAdmin):
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
        return as_money(service.price_minor, service.currency)


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    list_display = ["name", "address", "timezone"]


class CustomerForm(forms.ModelForm):
    def clean_phone(self) -> str:
        return as_e164(self.cleaned_data["phone"])


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    form = CustomerForm
    list_display = ["name", "phone", "email", "created_at"]
    search_fields = ["name", "phone", "email"]

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        correct_customer(customer=obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name"]


@admin.register(ScheduleException)
class ScheduleExceptionAdmin(admin.ModelAdmin):
    form = ScheduleExceptionForm
    list_display = ["starts", "ends", "location", "who", "is_open", "reason"]
    list_filter = ["location", "is_open", "starts_at"]
    list_select_related = ["location", "resource"]

    def get_fields(self, request: HttpRequest, obj: ScheduleException | None = None) -> list[Any]:
        is_form = obj is None or self.has_change_permission(request, obj)
        times = ["starts_at", "ends_at"] if is_form else ["starts", "ends"]
        return ["location", "resource", *times, "is_open", "reason"]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, exception: ScheduleException) -> str:
        return wall_clock(exception.starts_at, exception.location.zone)

    @admin.display(description="ends", ordering="ends_at")
    def ends(self, exception: ScheduleException) -> str:
        return wall_clock(exception.ends_at, exception.location.zone)

    def save_model(self, request: HttpRequest, obj: ScheduleException, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_open:
            closed = Resource.objects.filter(location=obj.location)
            who = closed if obj.resource is None else closed.filter(pk=obj.resource.pk)
            still = Booking.objects.standing().that_take(who)
            warn_of(request, still.filter(starts_at__lt=obj.ends_at, ends_at__gt=obj.starts_at))

    @admin.display(description="for")
    def who(self, exception: ScheduleException) -> str:
        return str(exception.resource or "everybody")


class RosterInline(admin.TabularInline):
    model = Booking
    fields = ["customer", "party_size", "status"]  # under each one's reference
    readonly_fields = ["customer", "party_size", "status"]
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "who is coming"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        gone = [Booking.Status.CANCELLED, Booking.Status.DECLINED, Booking.Status.EXPIRED]
        return super().get_queryset(request).exclude(status__in=gone).select_related("customer")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Classes with the people who share them."""

    list_display = ["starts", "service", "resource", "places"]
    list_filter = ["service", "resource", "starts_at"]
    list_select_related = ["service__location", "resource"]
    fields = ["service", "resource", "starts", "places"]
    readonly_fields = ["starts", "places"]
    inlines = [RosterInline]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, session: Session) -> str:
        return wall_clock(session.starts_at, session.service.location.zone)

    @admin.display(description="places taken", ordering="booked")
    def places(self, session: Session) -> str:
        return f"{session.booked} of {session.capacity}"
