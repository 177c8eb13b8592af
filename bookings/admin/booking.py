"""Bookings in the admin. This module shows rows and calls operations, which decide what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_object_actions import DjangoObjectActions, action

from bookings.admin.customer import warn_if_unreachable
from bookings.admin.forms import BookingForm, RescheduleForm
from bookings.admin.overlaps import annotate_overlaps, describe_overlaps
from bookings.admin.transitions import CANCEL, COMPLETE, CONFIRM, DECLINE, NO_SHOW, RESCHEDULE, Transition
from bookings.exceptions import InvalidTransition, TooEarly
from bookings.models import Booking
from bookings.operations import contact_errors
from bookings.timeline import shortcuts, timeline
from foundation.events import Actor
from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.http.search_admin import SearchAdmin
from foundation.money import format_money
from foundation.timezones import format_local_time


def transition_button(label: str) -> Callable[..., Any]:
    """Turn an admin method into a button that sends a POST."""
    return action(label=label, methods=("POST",), button_type="form")  # type: ignore[no-any-return]


@admin.register(Booking)
class BookingAdmin(DjangoObjectActions, SearchAdmin, ReadOnlyAdmin):
    list_display = [
        "reference",
        "status_badge",
        "starts",
        "customer",
        "service",
        "resource",
        "price",
        "due_online",
        "also_booked",
    ]
    list_filter = ["status", "service", "resource", "starts_at", "is_late_cancellation"]
    list_select_related = ["customer", "service__location", "resource"]
    search_help_text = "A reference, or the customer's name, phone number or e-mail address, each also in part."
    ordering = ["-created_at", "-pk"]
    actions = ["confirm_selected", "complete_selected"]
    transitions = {
        "confirm": CONFIRM,
        "decline": DECLINE,
        "complete": COMPLETE,
        "no_show": NO_SHOW,
        "reschedule": RESCHEDULE,
        "cancel": CANCEL,
    }
    change_actions = list(transitions)
    change_form_template = "admin/bookings/booking/change_form.html"
    fields = [
        "reference",
        "status_badge",
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
        "occupies",
        "hold_expires",
        "confirm_by",
        "cancellable_until",
        "is_late_cancellation",
        "also_booked",
        "created",
    ]

    @admin.display(description="starts", ordering="starts_at")
    def starts(self, booking: Booking) -> str:
        starts = format_local_time(booking.starts_at, booking.zone)
        if not booking.has_outdated_zone:
            return starts
        here = format_local_time(booking.starts_at, booking.service.location.zone)
        return f"{starts} in {booking.timezone}, {here} at the location"

    @admin.display(description="hold expires")
    def hold_expires(self, booking: Booking) -> str:
        return format_local_time(booking.hold_expires_at, booking.zone) if booking.hold_expires_at else "-"

    @admin.display(description="confirm by")
    def confirm_by(self, booking: Booking) -> str:
        return format_local_time(booking.answer_by, booking.zone) if booking.answer_by else "-"

    @admin.display(description="customer can cancel until")
    def cancellable_until(self, booking: Booking) -> str:
        return format_local_time(booking.cancel_until, booking.zone)

    @admin.display(description="occupies")
    def occupies(self, booking: Booking) -> str:
        names = booking.allocation_owner.allocations.values_list("resource__name", flat=True)
        session = booking.session
        shared = f" ({session.places})" if session else ""
        return ", ".join(names) + shared

    @admin.display(description="also booked", empty_value="")
    def also_booked(self, booking: Booking) -> str:
        return describe_overlaps(booking)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        return annotate_overlaps(super().get_queryset(request))

    @admin.display(description="created")
    def created(self, booking: Booking) -> str:
        return format_local_time(booking.created_at, booking.zone)

    @admin.display(description="status", ordering="status")
    def status_badge(self, booking: Booking) -> SafeString:
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
        return booking.customer.email or "-"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "title": "Bookings"})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        booking = context["original"]
        has_permission = request.user.has_perm
        context |= {"timeline": timeline(booking, has_permission), "shortcuts": shortcuts(booking, has_permission)}
        context |= {"zone": booking.zone, "title": "Booking"}
        return super().render_change_form(request, context, *args, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """Book for a customer at the desk or on the phone."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BookingForm(request.POST or None)
        if form.is_valid() and (booking := form.save(request.user)):
            errors = contact_errors(booking.customer)
            note = "" if errors else " The customer will be notified."
            messages.success(request, f"Booked as {booking.reference}.{note}")
            warn_if_unreachable(request, errors)
            return redirect("admin:bookings_booking_change", booking.pk)
        return self._render_form(request, form, "New booking", "Book")

    def _render_form(self, request: HttpRequest, form: forms.Form, title: str, button: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "form": form, "button": button}
        return render(request, "admin/bookings/booking/form.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.add_booking")

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.confirm_booking")

    def has_complete_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.complete_booking")

    def get_urls(self) -> list[Any]:
        """Leave out the URL for buttons of the list: there are none, and it would call the others without a booking."""
        return [each for each in super().get_urls() if not str(each.pattern).startswith("^actions/")]

    def get_change_actions(self, request: HttpRequest, object_id: str, form_url: str) -> list[str]:
        booking = self.get_object(request, object_id)
        return [
            name
            for name, transition in self.transitions.items()
            if booking and transition.is_available(booking, request)
        ]

    @transition_button("Confirm")
    def confirm(self, request: HttpRequest, booking: Booking) -> None:
        self._perform(request, [booking], CONFIRM)

    @transition_button("Decline")
    def decline(self, request: HttpRequest, booking: Booking) -> None:
        self._perform(request, [booking], DECLINE)

    @transition_button("Complete")
    def complete(self, request: HttpRequest, booking: Booking) -> None:
        self._perform(request, [booking], COMPLETE)

    @transition_button("No-show")
    def no_show(self, request: HttpRequest, booking: Booking) -> None:
        self._perform(request, [booking], NO_SHOW)

    @transition_button("Cancel")
    def cancel(self, request: HttpRequest, booking: Booking) -> None:
        self._perform(request, [booking], CANCEL)

    @action(label="Reschedule", methods=("GET", "POST"), button_type="a")
    def reschedule(self, request: HttpRequest, booking: Booking) -> HttpResponse:
        RESCHEDULE.check_permission(request)
        form = RescheduleForm(booking, request.POST or None)
        if form.is_valid() and (rescheduled := form.save(Actor.from_user(request.user))):
            if rescheduled.version > booking.version:
                messages.success(request, "Rescheduled. The customer will be notified.")
            else:
                messages.info(request, "Nothing has changed: the booking already had that time and resource.")
            return redirect("admin:bookings_booking_change", booking.pk)
        return self._render_form(request, form, f"Reschedule {booking.reference}", "Reschedule")

    @admin.action(description="Confirm the selected bookings", permissions=["confirm"])
    def confirm_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._perform(request, queryset, CONFIRM)

    @admin.action(description="Complete the selected bookings", permissions=["complete"])
    def complete_selected(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._perform(request, queryset, COMPLETE)

    def _perform(self, request: HttpRequest, bookings: Iterable[Booking], transition: Transition) -> None:
        transition.check_permission(request)
        changed, skipped = 0, []
        for booking in bookings:
            try:
                updated = transition.perform(booking, request)
            except (InvalidTransition, TooEarly) as refusal:
                skipped.append(str(refusal))
                continue
            if updated.version > booking.version:
                changed += 1
            else:
                skipped.append(f"Booking {booking.reference} is already {updated.get_status_display().lower()}.")
        if changed:
            messages.success(request, f"{changed} booking{pluralize(changed)} {transition.past_tense}.")
        if skipped:
            messages.warning(request, f"{len(skipped)} booking{pluralize(len(skipped))} skipped: {' '.join(skipped)}")
