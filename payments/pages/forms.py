"""Forms of the payment pages. Amounts are entered in major units and leave here in minor units."""

from __future__ import annotations

from django import forms

from foundation.http.forms import IdempotentForm, MoneyField
from payments.operations.review import ReviewDecision


class RefundForm(IdempotentForm):
    amount_minor = MoneyField(label="Amount")
    reason = forms.CharField(max_length=250, label="Reason", help_text="For the books; the customer is not told.")
    booking = forms.ChoiceField(
        label="The booking",
        choices=[("stands", "It stands"), ("cancel", "It is cancelled too")],
        widget=forms.RadioSelect,
    )


class ReviewForm(forms.Form):
    resolution = forms.ChoiceField(label="Decision", choices=ReviewDecision.choices, widget=forms.RadioSelect)
    note = forms.CharField(max_length=250, label="Why", help_text="For whoever reads the books later.")
