"""The page of a payment: refunds, log, review."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from bookings.exceptions import InvalidTransition
from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money
from payments.exceptions import RefundTooLarge, ReviewNotPossible
from payments.models import Payment
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from payments.pages.forms import RefundForm, ReviewForm


@staff_page("payments.view_payment")
@require_safe
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Show a payment with its refunds and its log, and offer what may be done about it."""
    row = get_object_or_404(Payment.objects.select_related("booking", "order"), pk=payment_id)
    left = max(row.refundable_minor(), 0)
    return _show_payment(request, row, RefundForm(initial={"amount_minor": left}), ReviewForm())


@staff_page("payments.refund_payment")
@require_POST
def refund(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Pay back what the form says, once however often it is sent."""
    row = get_object_or_404(Payment.objects.select_related("booking", "order"), pk=payment_id)
    form = RefundForm(request.POST)
    if not form.is_valid():
        return _show_payment(request, row, form, ReviewForm())
    told = form.cleaned_data
    try:
        made = refund_payment(
            payment_id=row.pk,
            amount_minor=told["amount_minor"],
            key=told["key"],
            actor=Actor.from_user(request.user),
            reason=told["reason"],
            cancels_booking=told["booking"] == "cancel",
        )
    except (RefundTooLarge, InvalidTransition) as refusal:
        form.add_error(None, str(refusal))
        return _show_payment(request, row, form, ReviewForm())
    amount = format_money(made.amount_minor, made.currency)
    messages.success(request, f"{amount} goes back within moments; the customer is told now, and when it is done.")
    return redirect("payment", row.pk)


@staff_page("payments.review_payment")
@require_POST
def review(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Carry out what somebody decided of money that fits nothing."""
    row = get_object_or_404(Payment.objects.select_related("booking", "order"), pk=payment_id)
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _show_payment(request, row, RefundForm(), form)
    told = form.cleaned_data
    try:
        decide_review(
            payment_id=row.pk,
            resolution=ReviewDecision(told["resolution"]),
            note=told["note"],
            actor=Actor.from_user(request.user),
        )
    except ReviewNotPossible as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{ReviewDecision(told['resolution']).label}: noted.")
    return redirect("payment", row.pk)


def _show_payment(request: HttpRequest, row: Payment, refund_form: RefundForm, review_form: ReviewForm) -> HttpResponse:
    return render_staff_page(
        request,
        "payments/payment.html",
        f"Payment {row}",
        row=row,
        amount=format_money(row.amount_minor, row.currency),
        left_minor=row.refundable_minor(),
        left=format_money(max(row.refundable_minor(), 0), row.currency),
        refund_form=refund_form,
        review_form=review_form,
        refunds=[(each, format_money(each.amount_minor, each.currency)) for each in row.refunds.order_by("created_at")],
        log=row.log.all(),
        in_review=row.disposition == Payment.Disposition.REVIEW,
    )
