"""Forms of the front desk. Amounts are entered in major units; their values are in minor units."""

from __future__ import annotations

from typing import Any

from django import forms

from foundation.http.forms import MoneyField, PaymentForm
from foundation.money import format_money
from foundation.text_fields import LineFormField
from payments.balance import Balance
from payments.models import DeskPayment

Kind = DeskPayment.Kind


class DeskPaymentForm(PaymentForm):
    amount_minor = MoneyField(label="Amount")
    method = forms.ChoiceField(
        label="Method", choices=DeskPayment.Method.choices, help_text="Ignored for an amount that is written off."
    )
    kind = forms.ChoiceField(label="Kind", initial=Kind.TAKEN, widget=forms.RadioSelect)
    note = LineFormField(max_length=250, required=False, label="Note")
    is_more_than_due = forms.BooleanField(
        required=False, widget=forms.HiddenInput, label="Take it although it is more than what is due"
    )

    def __init__(self, *args: Any, balance: Balance, is_for_manager: bool = False, **options: Any) -> None:
        # Money under review may turn out to be the payment: do not suggest to take it twice.
        suggested_minor = balance.due_minor - balance.review_minor
        initial = {"amount_minor": suggested_minor} if suggested_minor > 0 else {}
        super().__init__(*args, initial=initial, currency=balance.currency, **options)
        kinds = [kind for kind in Kind if is_for_manager or kind != Kind.WRITTEN_OFF]
        self.fields["kind"].choices = [(kind, kind.label) for kind in kinds]  # type: ignore[attr-defined]
        if not is_for_manager:
            self.fields["method"].help_text = ""
        self._due_minor = max(balance.due_minor, 0)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("kind") == Kind.WRITTEN_OFF:
            data["method"] = ""
        if data.get("kind") == Kind.TAKEN and data.get("amount_minor", 0) > self._due_minor:
            self.fields["is_more_than_due"].widget = forms.CheckboxInput()
            if not data["is_more_than_due"]:
                due = format_money(self._due_minor, self.currency)
                self.add_error("amount_minor", f"Only {due} is due. To take more, confirm it below.")
        return data
