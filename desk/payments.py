"""The balance page of a booking, where the front desk records and voids desk payments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from bookings.models import Booking
from desk.forms import DeskPaymentForm
from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money
from payments.balance import balance_of, payments_under_review
from payments.exceptions import FormAlreadySent, ManagerRequired, PayoutTooLarge, WriteOffTooLarge
from payments.models import DeskPayment
from payments.operations import record_desk_payment, void_desk_payment


@staff_page("payments.take_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def balance(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the balance of a booking, and record a desk payment."""
    booking = get_object_or_404(Booking.objects.for_api(), pk=booking_id)
    current = balance_of(booking)
    form = DeskPaymentForm(request.POST or None, balance=current, is_for_manager=_is_manager(request))
    if request.method == "POST" and form.is_valid():
        try:
            desk_payment = _record(request, booking, form.cleaned_data)
        except (PayoutTooLarge, WriteOffTooLarge, ManagerRequired) as refusal:
            form.add_error("amount_minor", str(refusal))
        except FormAlreadySent as refusal:
            form.add_error(None, str(refusal))
        else:
            amount = format_money(desk_payment.amount_minor, desk_payment.currency)
            messages.success(request, f"{amount} was recorded.")
            return redirect("desk", booking.pk)
    amounts = {
        "charge": current.charge_minor,
        "online": current.online_minor,
        "refunded": current.refunded_minor,
        "lost": current.lost_minor,
        "desk": current.desk_minor,
        "paid_out": current.paid_out_minor,
        "written_off": current.written_off_minor,
        "due": abs(current.due_minor),
    }
    desk_payments = DeskPayment.objects.filter(booking=booking)
    return render_staff_page(
        request,
        "desk/payments.html",
        f"Balance of {booking.reference}",
        booking=booking,
        form=form,
        balance=current,
        reviews=[
            (row.payment, format_money(row.amount_minor, row.payment.currency))
            for row in payments_under_review(booking)
        ],
        amounts={name: format_money(amount, booking.currency) for name, amount in amounts.items()},
        desk_payments=[(payment, format_money(payment.amount_minor, payment.currency)) for payment in desk_payments],
    )


def _record(request: HttpRequest, booking: Booking, data: dict[str, Any]) -> DeskPayment:
    return record_desk_payment(
        booking_id=booking.pk,
        kind=DeskPayment.Kind(data["kind"]),
        method=data["method"],
        amount_minor=data["amount_minor"],
        key=data["key"],
        actor=Actor.from_user(request.user),
        note=data["note"],
        is_by_manager=_is_manager(request),
    )


def _is_manager(request: HttpRequest) -> bool:
    return request.user.has_perm("payments.review_payment")


@staff_page("payments.take_payment")
@require_POST
def void(request: HttpRequest, desk_payment_id: UUID) -> HttpResponse:
    """Void a desk payment."""
    desk_payment = get_object_or_404(DeskPayment, pk=desk_payment_id)
    try:
        is_voided = void_desk_payment(
            desk_payment_id=desk_payment.pk,
            actor=Actor.from_user(request.user),
            is_by_manager=_is_manager(request),
        )
    except (PayoutTooLarge, ManagerRequired) as refusal:
        messages.error(request, f"{desk_payment.get_kind_display()} amount not voided. {refusal}")
    else:
        if is_voided:
            messages.success(request, "Voided. If the amount was wrong, record the correct one now.")
        else:
            messages.warning(request, "This has already been voided.")
    return redirect("desk", desk_payment.booking_id)
