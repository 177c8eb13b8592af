"""Forms for the front desk. Times are local to the service's location."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.callers import Caller
from bookings.exceptions import (
    AlreadyBooked,
    InvalidTransition,
    OutsideHours,
    PartyTooLarge,
    SlotTaken,
    WrongPaymentMode,
)
from bookings.lifecycle import lock_booking
from bookings.models import Booking, Resource, ScheduleException, Service
from bookings.operations import create_booking, reschedule_booking
from bookings.scheduling.alternatives import find_alternatives
from foundation.clock import database_now
from foundation.email_addresses import validate_email_address
from foundation.events import Actor
from foundation.http.forms import LocalDateTimeField, MoneyField, use_currency
from foundation.phone_numbers import normalize_phone_number
from foundation.text_fields import NameFormField, TextFormField
from foundation.timezones import format_local_time, local_to_utc

UTC = ZoneInfo("UTC")
ALREADY_BOOKED = "You have already booked for this customer at that time. To book again, tick the box."
REFUSALS = (InvalidTransition, OutsideHours, PartyTooLarge, WrongPaymentMode, SlotTaken)


class ScheduleExceptionForm(forms.ModelForm):
    starts_at = LocalDateTimeField(help_text="In the local time of the location.")
    ends_at = LocalDateTimeField()

    class Meta:
        model = ScheduleException
        fields = ["location", "resource", "starts_at", "ends_at", "is_open", "reason"]
        help_texts = {
            "resource": "Leave empty for the whole location. Time off of a resource counts at all of its locations; "
            "its extra hours are here, and it is at no other location during them.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in ("starts_at", "ends_at"):
                at: datetime = getattr(self.instance, name)
                self.initial[name] = at.astimezone(self.instance.location.zone).replace(tzinfo=None)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        # Without a valid location the form is refused; UTC keeps the times, which would otherwise be missing.
        zone = data["location"].zone if "location" in data else UTC
        for name in ("starts_at", "ends_at"):
            local = data.pop(name, None)
            if local is not None:
                try:
                    data[name] = local_to_utc(local, zone)
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return data


class ServiceForm(forms.ModelForm):
    price_minor = MoneyField(label="Price", may_be_zero=True, initial=0)
    deposit_minor = MoneyField(label="Deposit", may_be_zero=True, initial=0, help_text="For payment by deposit.")

    class Meta:
        model = Service
        exclude: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        use_currency(self, str(self.data.get("currency") or self.instance.currency))


def _format_start(start: datetime, zone: ZoneInfo) -> str:
    return format_local_time(start, zone, "D d M, H:i")


class _FrontDeskForm(forms.Form):
    def _to_utc(self, local: datetime, zone: ZoneInfo) -> datetime | None:
        """Return ``local`` in UTC, or None with an error on the form if that time does not exist."""
        try:
            return local_to_utc(local, zone)
        except forms.ValidationError as error:
            self.add_error("starts_at", error)
            return None

    def _add_refusal(self, refusal: Exception, zone: ZoneInfo) -> None:
        self.add_error(None, str(refusal))
        for start in getattr(refusal, "alternatives", []):
            self.add_error(None, f"Free: {_format_start(start, zone)}")


class RescheduleForm(_FrontDeskForm):
    """Reschedules a booking that is as the form showed it. Times are in the location's current zone."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    starts_at = LocalDateTimeField(label="New time")
    resource = forms.ModelChoiceField(
        Resource.objects.none(), required=False, label="With", empty_label="Any free resource"
    )

    def __init__(self, booking: Booking, data: Any = None) -> None:
        self.booking, self.zone = booking, booking.service.location.zone
        start = booking.starts_at.astimezone(self.zone).replace(tzinfo=None, second=0, microsecond=0)
        initial = {"version": booking.version, "starts_at": start, "resource": booking.resource_id}
        super().__init__(data, initial=initial)
        choices: Any = self.fields["resource"]
        choices.queryset = Resource.objects.filter(services=booking.service, is_active=True)
        if data is None:
            near = find_alternatives(booking.service, booking.starts_at, None, booking.party_size, booking)
            times = "; ".join(_format_start(at, self.zone) for at in near)
            self.fields["starts_at"].help_text = f"Free: {times}." if times else "There is no other free time."

    def save(self, actor: Actor) -> Booking | None:
        """Reschedule the booking; return None with errors on the form if that is not possible."""
        data, zone = self.cleaned_data, self.zone
        # Keep the exact time if the field is unchanged: the form cannot distinguish the two times of a DST fold.
        is_changed = "starts_at" in self.changed_data
        starts_at = self._to_utc(data["starts_at"], zone) if is_changed else self.booking.starts_at
        if starts_at is None:
            return None
        try:
            with transaction.atomic():
                if self._is_stale():
                    return None
                return reschedule_booking(
                    booking_id=self.booking.pk, starts_at=starts_at, resource=data["resource"], actor=actor
                )
        except REFUSALS as refusal:
            self._add_refusal(refusal, zone)
            return None

    def _is_stale(self) -> bool:
        """Lock the booking; if it was changed since the form was shown, add an error that says how, for both values."""
        stored = lock_booking(self.booking.pk)
        shown = self.cleaned_data["version"]
        if shown is None or shown == stored.version:
            return False
        now = f"{_format_start(stored.starts_at, self.zone)} with {stored.resource}"
        self.add_error(
            None,
            "This booking was changed while you were editing it. Nothing is saved yet: it is now "
            f"{stored.get_status_display().lower()}, {now}. Send the form again to replace that with your values.",
        )
        self.data = {**{name: self.data.get(name) for name in self.data}, "version": str(stored.version)}
        return True


class BookingForm(_FrontDeskForm):
    """Books for a customer. ``key`` becomes the booking's id, so submitting the form twice creates one booking."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4, required=False)
    service = forms.ModelChoiceField(Service.objects.filter(is_active=True))
    starts_at = LocalDateTimeField(
        label="Time", initial=lambda: timezone.localtime(database_now()).replace(tzinfo=None)
    )
    resource = forms.ModelChoiceField(
        Resource.objects.filter(is_active=True), required=False, label="With", empty_label="Any free resource"
    )
    name = NameFormField(max_length=120)
    phone = forms.CharField(max_length=40)
    email = forms.EmailField(
        max_length=254,
        validators=[validate_email_address],
        required=False,
        help_text="Optional. Without it, the customer gets no emails.",
    )
    party_size = forms.IntegerField(min_value=1, max_value=1000, initial=1, label="Number of people")
    notes = TextFormField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    allow_overlap = forms.BooleanField(
        required=False, label="Book even if the customer already has a booking at the same time"
    )

    def clean_phone(self) -> str:
        return normalize_phone_number(self.cleaned_data["phone"])

    def save(self, user: Any) -> Booking | None:
        """Create the booking, or return the one that this form created before; None with errors on the form."""
        data = self.cleaned_data
        service: Service = data["service"]
        zone = service.location.zone
        starts_at = self._to_utc(data["starts_at"], zone)
        if starts_at is None:
            return None
        if existing := self._find_existing():
            return self._return_if_equal(existing, starts_at)
        try:
            return create_booking(
                booking_id=data["key"],
                service=service,
                starts_at=starts_at,
                resource=data["resource"],
                party_size=data["party_size"],
                notes=data["notes"],
                allow_overlap=data["allow_overlap"],
                actor=Actor.from_user(user),
                caller=Caller.from_user(user),
                customer={name: data[name] for name in ("name", "phone", "email")},
            ).booking
        except AlreadyBooked:
            if existing := self._find_existing():  # a concurrent submission of the same form came first
                return self._return_if_equal(existing, starts_at)
            self.add_error("allow_overlap", ALREADY_BOOKED)
            return None
        except (*REFUSALS, IntegrityError) as refusal:
            if existing := self._find_existing():  # a concurrent submission of the same form came first
                return self._return_if_equal(existing, starts_at)
            if isinstance(refusal, IntegrityError):
                raise
            self._add_refusal(refusal, zone)
            return None

    def _find_existing(self) -> Booking | None:
        return Booking.objects.filter(pk=self.cleaned_data["key"]).first()

    def _return_if_equal(self, existing: Booking, starts_at: datetime) -> Booking | None:
        data = self.cleaned_data
        fields = {name: data[name] for name in ("service", "party_size", "notes")}
        fields |= {f"customer__{name}": data[name] for name in ("name", "phone", "email")}
        is_equal = Booking.objects.active().filter(pk=existing.pk, starts_at=starts_at, **fields).exists()
        if is_equal and (data["resource"] is None or existing.occupies(data["resource"])):
            return existing
        message = f"This form has already created booking {existing.reference}. Open a new form for another booking."
        self.add_error(None, message)
        return None
