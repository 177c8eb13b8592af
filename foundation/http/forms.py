"""Form fields that pages share: local times, amounts of money, and forms that move money."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms

from foundation.money import to_major, to_minor


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
    """An amount in major units of ``currency``, which the form sets. Its value is in minor units."""

    currency = ""

    def __init__(self, *, may_be_zero: bool = False, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=12, **options)
        self.widget.attrs["inputmode"] = "decimal"
        self._may_be_zero = may_be_zero

    def use(self, currency: str) -> None:
        """Take amounts in this currency, with its number of decimals."""
        self.currency = currency
        self.label = f"{self.label} ({currency})"
        self.widget.attrs["step"] = f"{to_major(1, currency):f}"

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        if amount is None:
            return None
        if amount <= 0 and not self._may_be_zero:
            raise forms.ValidationError("Enter an amount above 0.")
        return to_minor(amount, self.currency)

    def prepare_value(self, value: Any) -> Any:
        # An int is an initial value in minor units; anything else is what the user typed.
        return f"{to_major(value, self.currency):f}" if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)


def use_currency(form: forms.BaseForm, currency: str) -> None:
    """Let every MoneyField of the form take amounts in this currency."""
    for field in form.fields.values():
        if isinstance(field, MoneyField):
            field.use(currency)


class PaymentForm(forms.Form):
    """A form that moves money in one currency. Submitted twice, it takes effect once: it has an idempotency key."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.currency = currency
        use_currency(self, currency)
