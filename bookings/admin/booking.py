"""The front desk. It shows rows and calls operations; what may happen is decided there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_object_actions import DjangoObjectActions, action

from bookings.admin.forms import RescheduleForm, WalkInForm
from bookings.exceptions import InvalidTransition, VisitNotStarted
from bookings.models import Booking
from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
    reschedule_booking,
)
from bookings.timeline import shortcuts, timeline
from foundation.events import Actor, ActorKind
from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.money import format_money
from foundation.timezones import format_local_time


@dataclass(frozen=True)
class Move:
    """What the desk may do with a booking: from which states, with which permission, and how it is said."""

    operation: Callable[..., Booking]
    permission: str
    offered: list[Booking.Status]
    past: str
    corrects: Booking.Status | None = None  # the state that it may put right, for those who may

    def is_offered(self, booking: Booking, request: HttpRequest) -> bool:
        may_correct = booking.status == self.corrects and request.user.has_perm(CORRECT)
        return request.user.has_perm(self.permission) and (booking.status in self.offered or may_correct)

    def carry_out(self, booking: Booking, request: HttpRequest) -> Booking:
        options = {"may_correct": request.user.has_perm(CORRECT)} if self.corrects else {}
        return self.operation(booking_id=booking.pk, actor=_actor(request), **options)


Status = Booking.Status
CORRECT = "bookings.correct_booking"
MOVES = {
    "confirm": Move(confirm_booking, "bookings.confirm_booking", [Status.PENDING], "confirmed"),
    "decline": Move(decline_booking, "bookings.confirm_booking", [Status.PENDING], "declined"),
    "complete": Move(
        complete_booking, "bookings.complete_booking", [Status.CONFIRMED], "completed", corrects=Status.NO_SHOW
    ),
    "no_show": Move(
        mark_no_show, "bookings.complete_booking", [Status.CONFIRMED], "marked as missed", corrects=Status.COMPLETED
    ),
    "reschedule": Move(reschedule_booking, "bookings.reschedule_booking", Booking.RESCHEDULABLE, "moved"),
    "cancel": Move(cancel_booking, "bookings.cancel_booking", Booking.BLOCKING, "cancelled"),
}


def _button(verb: str) -> Any:
    """Return the button that carries out one of the MOVES."""

    def press(self: BookingAdmin, request: HttpRequest, booking: Booking) -> None:
        self._move(request, [booking], verb)

    press.__name__ = verb
    return action(label=verb.replace("_", "-").capitalize(), methods=("POST",), button_type="form")(press)


def _check(request: HttpRequest, move: Move) -> None:
    # The buttons' own view checks only that somebody is staff: whoever may merely look must be stopped here.
    if not request.user.has_perm(move.permission):
        raise PermissionDenied


def _actor(request: HttpRequest) -> Actor:
    return Actor(ActorKind.STAFF, request.user.get_username())


@admin.register(Booking)
class BookingAdmin(DjangoObjectActions, ReadOnlyAdmin):
    list_display = ["reference", "status_pill", "starts", "customer", "service", "resource", "price", "due_online"]
    list_filter = ["status", "service", "resource", "starts_at", "is_late_cancellation"]
    list_select_related = ["customer", "service__location", "resource"]
    search_fields = ["reference", "customer__name", "customer__phone", "customer__email"]
    ordering = ["-created_at", "-pk"]
    actions = ["confirm_selected", "complete_selected"]
    change_actions = list(MOVES)
    change_form_template = "admin/bookings/booking/change_form.html"
    fields = [
        "reference",
        "status_pill",
        "customer",
        "phone",
        "email",
        "service",
        "resource",
        "starts",
        "party_size",
        "notes",
        "price",
        "due_online",
        "takes",
        "hold_expires",
        "answer_until",
        "is_late_cancellation",
        "created",
    ]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, booking: Booking) -> str:
        return format_local_time(booking.starts_at, booking.zone)

    @admin.display(description="hold expires")
    def hold_expires(self, booking: Booking) -> str:
        return format_local_time(booking.hold_expires_at, booking.zone) if booking.hold_expires_at else "-"

    @admin.display(description="to be answered by")
    def answer_until(self, booking: Booking) -> str:
        return format_local_time(booking.answer_by, booking.zone) if booking.answer_by else "-"

    @admin.display(description="takes")
    def takes(self, booking: Booking) -> str:
        holder = booking.session or booking
        names = holder.allocations.values_list("resource__name", flat=True)
        shared = f" ({booking.session.booked} of {booking.session.capacity} places taken)" if booking.session else ""
        return ", ".join(names) + shared

    @admin.display(description="created")
    def created(self, booking: Booking) -> str:
        return format_local_time(booking.created_at, booking.zone)

    @admin.display(description="status", ordering="status")
    def status_pill(self, booking: Booking) -> SafeString:
        return format_html('<span class="pill {}">{}</span>', booking.status, booking.get_status_display())

    @admin.display(ordering="price_minor")
    def price(self, booking: Booking) -> str:
        return format_money(booking.price_minor, booking.currency)

    @admin.display(description="due online")
    def due_online(self, booking: Booking) -> str:
        return format_money(booking.due_online_minor, booking.currency) if booking.due_online_minor else "nothing"

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
        context |= {"zone": booking.zone, "title": "Booking"}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_change_actions(self, request: HttpRequest, object_id: str, form_url: str) -> list[str]:
        booking = self.get_object(request, object_id)
        return [verb for verb, move in MOVES.items() if booking and move.is_offered(booking, request)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.add_booking")

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.confirm_booking")

    def has_complete_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.complete_booking")

    @admin.action(description="Confirm the selected bookings", permissions=["confirm"])
    def confirm_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._move(request, queryset, "confirm")

    @admin.action(description="Complete the selected bookings", permissions=["complete"])
    def complete_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._move(request, queryset, "complete")

    confirm, decline = _button("confirm"), _button("decline")
    complete, no_show = _button("complete"), _button("no_show")
    cancel = _button("cancel")

    @action(label="Move to another time", methods=("GET", "POST"), button_type="a")
    def reschedule(self, request: HttpRequest, booking: Booking) -> HttpResponse:
        _check(request, MOVES["reschedule"])
        form = RescheduleForm(booking, request.POST or None)
        if form.is_valid() and form.carry_out(_actor(request)):
            messages.success(request, "Moved; the customer is told.")
            return redirect("admin:bookings_booking_change", booking.pk)
        return self._form_page(request, form, f"Move {booking.reference}", "Move it")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """Book for somebody who calls or stands at the desk."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = WalkInForm(request.POST or None)
        if form.is_valid() and (booking := form.carry_out(_actor(request))):
            messages.success(request, f"Booked as {booking.reference}; the customer is told.")
            return redirect("admin:bookings_booking_change", booking.pk)
        return self._form_page(request, form, "Book for somebody", "Book")

    def _form_page(self, request: HttpRequest, form: forms.Form, title: str, button: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "form": form, "button": button}
        return render(request, "admin/bookings/booking/form.html", context)

    def _move(self, request: HttpRequest, bookings: Iterable[Booking], verb: str) -> None:
        move = MOVES[verb]
        _check(request, move)
        moved, skipped = 0, []
        for booking in bookings:
            try:
                now = move.carry_out(booking, request)
            except (InvalidTransition, VisitNotStarted) as refusal:
                skipped.append(str(refusal))
                continue
            if now.version > booking.version:
                moved += 1
            else:
                skipped.append(f"Booking {booking.reference} is {now.get_status_display().lower()} already.")
        if moved:
            messages.success(request, f"{moved} {move.past}.")
        if skipped:
            messages.warning(request, f"{len(skipped)} skipped: {' '.join(skipped)}")
