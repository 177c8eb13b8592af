"""The front desk. It shows rows and calls operations; what may happen is decided there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_object_actions import DjangoObjectActions, action

from bookings.exceptions import InvalidTransition
from bookings.models import Booking, Customer, Location, Resource, Service, WorkingHours
from bookings.money import as_money
from bookings.operations import Actor, complete_booking, confirm_booking
from bookings.phones import as_e164
from bookings.read_only import ReadOnlyAdmin
from bookings.timeline import shortcuts, timeline

Move = Callable[..., Booking]


def wall_clock(booking: Booking, at: datetime) -> str:
    """Return a time as the clock on the wall of the booking's location shows it."""
    return date_format(at.astimezone(booking.service.location.zone), "D j M Y, H:i")


@admin.register(Booking)
class BookingAdmin(DjangoObjectActions, ReadOnlyAdmin):
    list_display = ["reference", "status_pill", "starts", "customer", "service", "resource", "price", "due_online"]
    list_filter = ["status", "service", "resource", "starts_at"]
    list_select_related = ["customer", "service__location", "resource"]
    search_fields = ["reference", "customer__name", "customer__phone", "customer__email"]
    ordering = ["-created_at", "-pk"]
    actions = ["confirm_selected", "complete_selected"]
    change_actions = ["confirm", "complete"]
    change_form_template = "admin/bookings/booking/change_form.html"
    fields = [
        "reference", "status_pill", "customer", "phone", "email", "service", "resource", "starts", "party_size",
        "notes", "price", "due_online", "hold_expires", "created",
    ]  # fmt: skip

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, booking: Booking) -> str:
        return wall_clock(booking, booking.starts_at)

    @admin.display(description="hold expires")
    def hold_expires(self, booking: Booking) -> str:
        return wall_clock(booking, booking.hold_expires_at) if booking.hold_expires_at else "-"

    @admin.display(description="created")
    def created(self, booking: Booking) -> str:
        return wall_clock(booking, booking.created_at)

    @admin.display(description="status", ordering="status")
    def status_pill(self, booking: Booking) -> SafeString:
        return format_html('<span class="pill {}">{}</span>', booking.status, booking.get_status_display())

    @admin.display(ordering="price_minor")
    def price(self, booking: Booking) -> str:
        return as_money(booking.price_minor, booking.currency)

    @admin.display(description="due online")
    def due_online(self, booking: Booking) -> str:
        return as_money(booking.due_online_minor, booking.currency) if booking.due_online_minor else "nothing"

    def phone(self, booking: Booking) -> str:
        return booking.customer.phone

    def email(self, booking: Booking) -> str:
        return booking.customer.email

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "title": "Bookings"})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        booking = context["original"]
        may = request.user.has_perm
        context |= {"timeline": timeline(booking, may), "shortcuts": shortcuts(booking, may)}
        context |= {"zone": booking.service.location.zone, "title": "Booking"}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_change_actions(self, request: HttpRequest, object_id: str, form_url: str) -> list[str]:
        booking = self.get_object(request, object_id)
        offered = {"confirm": Booking.Status.PENDING, "complete": Booking.Status.CONFIRMED}
        return [
            name
            for name, status in offered.items()
            if booking and booking.status == status and request.user.has_perm(f"bookings.{name}_booking")
        ]

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.confirm_booking")

    def has_complete_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.complete_booking")

    @admin.action(description="Confirm the selected bookings", permissions=["confirm"])
    def confirm_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._move(request, queryset, "confirm", confirm_booking)

    @admin.action(description="Complete the selected bookings", permissions=["complete"])
    def complete_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._move(request, queryset, "complete", complete_booking)

    @action(label="Confirm", description="Confirm this booking", methods=("POST",), button_type="form")
    def confirm(self, request: HttpRequest, booking: Booking) -> None:
        self._move(request, [booking], "confirm", confirm_booking)

    @action(label="Complete", description="Complete this booking", methods=("POST",), button_type="form")
    def complete(self, request: HttpRequest, booking: Booking) -> None:
        self._move(request, [booking], "complete", complete_booking)

    def _move(self, request: HttpRequest, bookings: Iterable[Booking], verb: str, move: Move) -> None:
        # The buttons' own view checks only that somebody is staff: whoever may merely look must be stopped here.
        if not request.user.has_perm(f"bookings.{verb}_booking"):
            raise PermissionDenied
        moved, skipped = 0, []
        for booking in bookings:
            try:
                now = move(booking_id=booking.pk, actor=Actor("staff", request.user.get_username()))
            except InvalidTransition as refusal:
                now = refusal.booking
            if now.version > booking.version:
                moved += 1
            else:
                skipped.append(f"{booking.reference} is {now.get_status_display().lower()}")
        if moved:
            messages.success(request, f"{moved} {verb.removesuffix('e')}ed.")
        if skipped:
            messages.warning(request, f"{len(skipped)} skipped: {', '.join(skipped)}.")


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "location", "is_active"]
    list_filter = ["kind", "location", "is_active"]
    filter_horizontal = ["services"]
    inlines = [WorkingHoursInline]


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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
