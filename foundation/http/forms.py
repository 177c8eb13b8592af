"""Form fields that pages share: local times, amounts of money, and forms that take effect once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms


class LocalDateTimeField(forms.DateTimeField):
    """A date and time without a time zone, as the browser's date picker sends it. Its value is naive."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **options)

    def to_python(self, value: Any) -> datetime | None:
        # Django's own to_python would interpret the value in TIME_ZONE.
        local: datetime | None = super(forms.DateTimeField, self).to_python(value) if value else None
        return local


class MoneyField(forms.DecimalField):
    """An amount in major units with at most two decimals. Its value is in minor units."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=12, decimal_places=2, **options)
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        if amount is None:
            return None
        if amount <= 0:
            raise forms.ValidationError("Enter an amount above 0.")
        return int(amount * 100)

    def prepare_value(self, value: Any) -> Any:
        # An int is an initial value in minor units; anything else is what the user typed.
        return f"{value // 100}.{value % 100:02}" if isinstance(value, int) else value


class IdempotentForm(forms.Form):
    """A form with an idempotency key: submitted twice, it takes effect once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
