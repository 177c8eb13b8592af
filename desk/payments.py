"""The front desk's page of a booking's balance: record and void payments at the desk."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from bookings.models import Booking
from desk.forms import DeskForm
from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money
from payments.balance import balance_of
from payments.models import DeskPayment
from payments.operations import record_desk_payment, void_desk_payment


@staff_page("payments.take_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def desk(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show what a booking still owes, and write down what changes hands."""
    booking = get_object_or_404(Booking.objects.for_api(), pk=booking_id)
    balance = balance_of(booking)
    form = DeskForm(request.POST or None, initial={"amount_minor": max(balance.due_minor, 0)})
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        slip = record_desk_payment(
            booking_id=booking.pk,
            method=DeskPayment.Method(told["method"]),
            amount_minor=told["amount_minor"],
            key=told["key"],
            actor=Actor.from_user(request.user),
            is_payout=told["direction"] == "out",
            note=told["note"],
        )
        messages.success(request, f"{format_money(slip.amount_minor, slip.currency)} written down.")
        return redirect("desk", booking.pk)
    slips = DeskPayment.objects.filter(booking=booking)
    parts = ("price_minor", "online_minor", "back_minor", "desk_minor", "due_minor")
    return render_staff_page(
        request,
        "desk/payments.html",
        f"Money for {booking.reference}",
        booking=booking,
        form=form,
        balance=balance,
        sums={name.removesuffix("_minor"): format_money(getattr(balance, name), booking.currency) for name in parts},
        slips=[(slip, format_money(slip.amount_minor, slip.currency)) for slip in slips],
    )


@staff_page("payments.take_payment")
@require_POST
def void(request: HttpRequest, slip_id: UUID) -> HttpResponse:
    """Strike a slip out."""
    slip = get_object_or_404(DeskPayment, pk=slip_id)
    if void_desk_payment(slip_id=slip.pk, actor=Actor.from_user(request.user)):
        messages.success(request, "Struck out. Write the right one now, if there is one.")
    else:
        messages.warning(request, "It was struck out already.")
    return redirect("desk", slip.booking_id)
