"""What people fill in about money, in major units; it leaves here in minor units."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms

from payments.models import DeskPayment
from payments.operations import Resolution


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


class OnceForm(forms.Form):
    """Carries a key of its own: sent twice, it has one effect."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class RefundForm(OnceForm):
    amount_minor = MoneyField(label="Amount")
    reason = forms.CharField(max_length=250, label="Reason", help_text="For the books; the customer is not told.")
    booking = forms.ChoiceField(
        label="The booking",
        choices=[("stands", "It stands"), ("cancel", "It is cancelled too")],
        widget=forms.RadioSelect,
    )


class ReviewForm(forms.Form):
    resolution = forms.ChoiceField(label="Decision", choices=Resolution.choices, widget=forms.RadioSelect)
    note = forms.CharField(max_length=250, label="Why", help_text="For whoever reads the books later.")


class DeskForm(OnceForm):
    amount_minor = MoneyField(label="Amount")
    method = forms.ChoiceField(label="How", choices=DeskPayment.Method.choices)
    direction = forms.ChoiceField(
        label="Direction", choices=[("in", "Taken"), ("out", "Given back")], initial="in", widget=forms.RadioSelect
    )
    note = forms.CharField(max_length=250, required=False, label="Note")
