"""Forms of the front desk. Times are local to the service's location."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.db import IntegrityError
from django.utils import timezone

from bookings.exceptions import InvalidTransition, OutsideHours, PartyTooLarge, SlotTaken, WrongPaymentMode
from bookings.models import Booking, Resource, ScheduleException, Service
from bookings.operations import create_booking, reschedule_booking
from foundation.events import Actor
from foundation.http.forms import LocalDateTimeField
from foundation.phone_numbers import normalize_phone_number
from foundation.timezones import local_to_utc

REFUSALS = (InvalidTransition, OutsideHours, PartyTooLarge, WrongPaymentMode, SlotTaken)


class ScheduleExceptionForm(forms.ModelForm):
    starts_at = LocalDateTimeField(help_text="On the clock of the location.")
    ends_at = LocalDateTimeField()

    class Meta:
        model = ScheduleException
        fields = ["location", "resource", "starts_at", "ends_at", "is_open", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in ("starts_at", "ends_at"):
                at: datetime = getattr(self.instance, name)
                self.initial[name] = at.astimezone(self.instance.location.zone).replace(tzinfo=None)

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("starts_at", "ends_at"):
            at = told.pop(name, None)
            if "location" in told and at is not None:
                try:
                    told[name] = local_to_utc(at, told["location"].zone)
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return told


class _DeskForm(forms.Form):
    def _moment(self, told: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the clock on the location's wall shows a time; say on the form if it never does."""
        try:
            return local_to_utc(told, zone)
        except forms.ValidationError as error:
            self.add_error("starts_at", error)
            return None

    def _explain(self, refusal: Exception, zone: ZoneInfo) -> None:
        self.add_error(None, str(refusal))
        for at in getattr(refusal, "alternatives", []):
            self.add_error(None, f"Free: {at.astimezone(zone):%a %d %b, %H:%M}")


class RescheduleForm(_DeskForm):
    starts_at = LocalDateTimeField(label="New time")
    resource = forms.ModelChoiceField(
        Resource.objects.none(), required=False, label="With", empty_label="Whoever is free"
    )

    def __init__(self, booking: Booking, data: Any = None) -> None:
        start = booking.starts_at.astimezone(booking.zone).replace(tzinfo=None, second=0, microsecond=0)
        super().__init__(data, initial={"starts_at": start, "resource": booking.resource_id})
        self.booking = booking
        choices: Any = self.fields["resource"]
        choices.queryset = Resource.objects.filter(services=booking.service, is_active=True)

    def carry_out(self, actor: Actor) -> bool:
        """Move the booking; say on the form why it cannot be."""
        told, zone = self.cleaned_data, self.booking.zone
        # A time that was left as it stood is that very moment, also of an hour that clocks show twice.
        is_moved = "starts_at" in self.changed_data
        starts_at = self._moment(told["starts_at"], zone) if is_moved else self.booking.starts_at
        if starts_at is None:
            return False
        try:
            reschedule_booking(booking_id=self.booking.pk, starts_at=starts_at, resource=told["resource"], actor=actor)
        except REFUSALS as refusal:
            self._explain(refusal, zone)
            return False
        return True


class WalkInForm(_DeskForm):
    """Carries the id of the booking that it makes: sent twice, it makes one."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4, required=False)
    service = forms.ModelChoiceField(Service.objects.filter(is_active=True))
    starts_at = LocalDateTimeField(label="Time", initial=lambda: timezone.localtime().replace(tzinfo=None))
    resource = forms.ModelChoiceField(
        Resource.objects.filter(is_active=True), required=False, label="With", empty_label="Whoever is free"
    )
    name = forms.CharField(max_length=120)
    phone = forms.CharField(max_length=40)
    email = forms.EmailField(max_length=254)
    party_size = forms.IntegerField(min_value=1, max_value=1000, initial=1, label="How many come")
    notes = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_phone(self) -> str:
        return normalize_phone_number(self.cleaned_data["phone"])

    def carry_out(self, actor: Actor) -> Booking | None:
        """Book, or return what was booked by this form before; say on the form why it cannot be."""
        told = self.cleaned_data
        service: Service = told["service"]
        zone = service.location.zone
        starts_at = self._moment(told["starts_at"], zone)
        if starts_at is None:
            return None
        if made := self._made_before():
            return self._if_same(made, starts_at)
        try:
            return create_booking(
                booking_id=told["key"],
                service=service,
                starts_at=starts_at,
                resource=told["resource"],
                party_size=told["party_size"],
                notes=told["notes"],
                actor=actor,
                customer={name: told[name] for name in ("name", "phone", "email")},
            ).booking
        except (*REFUSALS, IntegrityError) as refusal:
            if made := self._made_before():  # by the other click, which was faster
                return self._if_same(made, starts_at)
            if isinstance(refusal, IntegrityError):
                raise
            self._explain(refusal, zone)
            return None

    def _made_before(self) -> Booking | None:
        return Booking.objects.filter(pk=self.cleaned_data["key"]).first()

    def _if_same(self, made: Booking, starts_at: datetime) -> Booking | None:
        told = self.cleaned_data
        same = {name: told[name] for name in ("service", "party_size", "notes")}
        same |= {f"customer__{name}": told[name] for name in ("name", "phone", "email")}
        is_same = Booking.objects.active().filter(pk=made.pk, starts_at=starts_at, **same).exists()
        if is_same and (told["resource"] is None or made.occupies(told["resource"])):
            return made
        self.add_error(None, f"This form has booked {made.reference} already. Open a new one for another booking.")
        return None
