"""The payment page: refunds, log, review."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from bookings.exceptions import InvalidTransition
from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money
from payments.balance import refundable_by_staff
from payments.exceptions import FormAlreadySent, PaymentDisputed, RefundTooLarge, ReviewNotPossible
from payments.models import Payment
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from payments.pages.forms import RefundForm, ReviewForm


@staff_page("payments.view_payment")
@require_safe
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Show a payment with its refunds and its log."""
    row = _get_payment(payment_id)
    refund_form = RefundForm(currency=row.currency, initial={"amount_minor": refundable_by_staff(row)})
    return _render_payment(request, row, refund_form, ReviewForm())


@staff_page("payments.refund_payment")
@require_POST
def refund(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Request a refund."""
    row = _get_payment(payment_id)
    form = RefundForm(request.POST, currency=row.currency)
    if not form.is_valid():
        return _render_payment(request, row, form, ReviewForm())
    data = form.cleaned_data
    try:
        new_refund = refund_payment(
            payment_id=row.pk,
            amount_minor=data["amount_minor"],
            key=data["key"],
            actor=Actor.from_user(request.user),
            reason=data["reason"],
            cancels_booking=data["booking"] == "cancel",
            is_by_manager=_is_manager(request),
        )
    except (RefundTooLarge, PaymentDisputed, FormAlreadySent, InvalidTransition) as refusal:
        form.add_error(None, str(refusal))
        return _render_payment(request, row, form, ReviewForm())
    amount = format_money(new_refund.amount_minor, new_refund.currency)
    messages.success(
        request, f"A refund of {amount} is on its way. We notify the customer now and when it is processed."
    )
    return redirect("payment", row.pk)


@staff_page("payments.review_payment")
@require_POST
def review(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Carry out a decision on a payment that needs review."""
    row = _get_payment(payment_id)
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _render_payment(request, row, RefundForm(currency=row.currency), form)
    decision = ReviewDecision(form.cleaned_data["resolution"])
    try:
        decide_review(
            payment_id=row.pk,
            decision=decision,
            note=form.cleaned_data["note"],
            actor=Actor.from_user(request.user),
        )
    except ReviewNotPossible as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"Your decision was recorded: {decision.label.lower()}.")
    return redirect("payment", row.pk)


def _is_manager(request: HttpRequest) -> bool:
    return request.user.has_perm("payments.review_payment")


def _get_payment(payment_id: int) -> Payment:
    return get_object_or_404(Payment.objects.select_related("booking", "order"), pk=payment_id)


def _render_payment(
    request: HttpRequest, row: Payment, refund_form: RefundForm, review_form: ReviewForm
) -> HttpResponse:
    refundable_minor = refundable_by_staff(row)
    return render_staff_page(
        request,
        "payments/payment.html",
        f"Payment {row}",
        row=row,
        amount=format_money(row.amount_minor, row.currency),
        customer_fee=format_money(row.customer_fee_minor, row.currency),
        credited=format_money(row.credited_minor, row.currency),
        refundable_minor=refundable_minor,
        refundable=format_money(refundable_minor, row.currency),
        refund_form=refund_form,
        review_form=review_form,
        refunds=[
            (refund, format_money(refund.amount_minor, refund.currency))
            for refund in row.refunds.order_by("created_at")
        ],
        disputes=[
            (
                dispute,
                format_money(dispute.amount_minor, dispute.currency),
                format_money(dispute.deducted_minor, dispute.currency),
            )
            for dispute in row.disputes.order_by("opened_at")
        ],
        is_disputed=row.has_open_dispute(),
        may_refund_disputed=_is_manager(request),
        log=row.log.all(),
        needs_review=row.disposition == Payment.Disposition.REVIEW,
    )
