"""Form fields that pages share: local times, amounts of money, forms with an idempotency key."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms


class LocalDateTimeField(forms.DateTimeField):
    """A date and time without a zone, as the browser's own picker sends it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **options)

    def to_python(self, value: Any) -> datetime | None:
        # Not Django's own, which would look for the time on the clock of TIME_ZONE.
        told: datetime | None = super(forms.DateTimeField, self).to_python(value) if value else None
        return told


class MoneyField(forms.DecimalField):
    """An amount as people write it, with at most two decimals; its value is in minor units."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=12, decimal_places=2, **options)
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        if amount is None:
            return None
        if amount <= 0:
            raise forms.ValidationError("Write an amount above 0.")
        return int(amount * 100)

    def prepare_value(self, value: Any) -> Any:
        # An amount of ours is in minor units; what somebody has typed is shown as it was typed.
        return f"{value // 100}.{value % 100:02}" if isinstance(value, int) else value


class IdempotentForm(forms.Form):
    """Carries a key of its own: sent twice, it has one effect."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
