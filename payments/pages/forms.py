"""Forms of the payment pages. Amounts are entered in major units; their values are in minor units."""

from __future__ import annotations

from django import forms

from foundation.http.forms import MoneyField, PaymentForm
from foundation.text_fields import LineFormField
from payments.operations.review import ReviewDecision


class RefundForm(PaymentForm):
    amount_minor = MoneyField(label="Amount")
    reason = LineFormField(max_length=250, label="Reason", help_text="For our records. The customer does not see it.")
    booking = forms.ChoiceField(
        label="The booking",
        choices=[("stands", "Keep it"), ("cancel", "Cancel it too")],
        widget=forms.RadioSelect,
    )


class ReviewForm(forms.Form):
    resolution = forms.ChoiceField(label="Decision", choices=ReviewDecision.choices, widget=forms.RadioSelect)
    note = LineFormField(max_length=250, label="Reason", help_text="For our records.")
