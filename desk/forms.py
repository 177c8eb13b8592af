"""Forms of the front desk. Amounts are entered in major units; their values are in minor units."""

from __future__ import annotations

from django import forms

from foundation.http.forms import MoneyField, PaymentForm
from payments.models import DeskPayment


class DeskPaymentForm(PaymentForm):
    amount_minor = MoneyField(label="Amount")
    method = forms.ChoiceField(label="Method", choices=DeskPayment.Method.choices)
    direction = forms.ChoiceField(
        label="Direction", choices=[("in", "Taken"), ("out", "Paid out")], initial="in", widget=forms.RadioSelect
    )
    note = forms.CharField(max_length=250, required=False, label="Note")
