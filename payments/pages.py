"""What managers and the front desk see of money, and what they may do about it. Each action is one operation."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings.exceptions import InvalidTransition
from bookings.models import Booking
from bookings.money import as_money
from bookings.operations import Actor
from payments.balance import balance_of
from payments.comparison import NAME as COMPARISON
from payments.exceptions import NotReviewable, RefundTooLarge
from payments.forms import DeskForm, RefundForm, ReviewForm
from payments.models import DeskPayment, Finding, GatewayEvent, Payment, PaymentOrder, Refund, Sweep
from payments.operations import Resolution, pay_back, resolve_review, take_at_desk, void_desk_payment
from payments.reconciliation import differences
from payments.takings import movements, takings

View = Callable[..., HttpResponse]


def staff_page(permission: str) -> Callable[[View], View]:
    """Let only staff with ``permission`` see a page."""
    return lambda view: staff_member_required(permission_required(permission, raise_exception=True)(view))


def _actor(request: HttpRequest) -> Actor:
    return Actor("staff", request.user.get_username())


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    shared = {**admin.site.each_context(request), "title": title, "zone": timezone.get_default_timezone()}
    return render(request, f"payments/{template}.html", {**shared, **context})


# --- a payment ---


@staff_page("payments.view_payment")
@require_safe
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Show a payment with its refunds and its log, and offer what may be done about it."""
    row = get_object_or_404(Payment.objects.select_related("booking", "order"), pk=payment_id)
    left = max(row.outstanding_minor(), 0)
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
        made = pay_back(
            payment_id=row.pk, amount_minor=told["amount_minor"], key=told["key"], actor=_actor(request),
            reason=told["reason"], cancels_booking=told["booking"] == "cancel",
        )  # fmt: skip
    except (RefundTooLarge, InvalidTransition) as refusal:
        form.add_error(None, str(refusal))
        return _show_payment(request, row, form, ReviewForm())
    amount = as_money(made.amount_minor, made.currency)
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
        resolve_review(
            payment_id=row.pk, resolution=Resolution(told["resolution"]), note=told["note"], actor=_actor(request)
        )
    except NotReviewable as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{Resolution(told['resolution']).label}: noted.")
    return redirect("payment", row.pk)


def _show_payment(request: HttpRequest, row: Payment, refund_form: RefundForm, review_form: ReviewForm) -> HttpResponse:
    return _page(
        request, "payment", f"Payment {row}", row=row, amount=as_money(row.amount_minor, row.currency),
        left_minor=row.outstanding_minor(), left=as_money(max(row.outstanding_minor(), 0), row.currency),
        refund_form=refund_form, review_form=review_form,
        refunds=[(each, as_money(each.amount_minor, each.currency)) for each in row.refunds.order_by("created_at")],
        log=row.log.all(), in_review=row.disposition == Payment.Disposition.REVIEW,
    )  # fmt: skip


# --- the books ---


@staff_page("payments.review_payment")
@require_safe
def reconciliation(request: HttpRequest) -> HttpResponse:
    """List what does not add up, oldest first."""
    last = Sweep.objects.filter(name=COMPARISON).first()
    return _page(request, "reconciliation", "Reconciliation", rows=differences(), last=last)


@staff_page("payments.review_payment")
@require_POST
def resolve(request: HttpRequest) -> HttpResponse:
    """Do what one of the list's buttons says."""
    now, key = timezone.now(), request.POST.get("key", "")
    rows: dict[str, Callable[[], int]] = {
        "check": lambda: PaymentOrder.objects.filter(pk=key).update(next_check_at=now),
        "ask": lambda: Refund.objects.filter(pk=key, state__in=Refund.UNSETTLED).update(next_try_at=now),
        "read": lambda: GatewayEvent.objects.filter(pk=key).update(next_try_at=now, error="", attempts=0),
        "compare": lambda: Sweep.objects.filter(name=COMPARISON).update(due_at=now),
        "close": lambda: _close(key, request),
    }
    act = rows.get(request.POST.get("action", ""))
    try:
        done = act() if act else 0
    except (ValidationError, ValueError):
        done = 0
    if done:
        messages.success(request, "Noted. What comes of it is here in a few moments.")
    else:
        messages.warning(request, "That could not be done: look at the list again, and say why where you are asked.")
    return redirect("reconciliation")


def _close(key: str, request: HttpRequest) -> int:
    note = request.POST.get("note", "").replace("\0", "").strip()[:250]
    if not note:
        return 0
    open_ones = Finding.objects.filter(pk=key, closed_at=None)
    return open_ones.update(closed_at=timezone.now(), closed_by=str(_actor(request)), resolution=note)


# --- the desk ---


@staff_page("payments.take_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def desk(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show what a booking still owes, and write down what changes hands."""
    booking = get_object_or_404(Booking.objects.for_api(), pk=booking_id)
    balance = balance_of(booking)
    form = DeskForm(request.POST or None, initial={"amount_minor": max(balance.due_minor, 0)})
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        slip = take_at_desk(
            booking_id=booking.pk, method=DeskPayment.Method(told["method"]), amount_minor=told["amount_minor"],
            key=told["key"], actor=_actor(request), is_payout=told["direction"] == "out", note=told["note"],
        )  # fmt: skip
        messages.success(request, f"{as_money(slip.amount_minor, slip.currency)} written down.")
        return redirect("desk", booking.pk)
    slips = DeskPayment.objects.filter(booking=booking)
    parts = ("price_minor", "online_minor", "back_minor", "desk_minor", "due_minor")
    return _page(
        request, "desk", f"Money for {booking.reference}", booking=booking, form=form, balance=balance,
        sums={name.removesuffix("_minor"): as_money(getattr(balance, name), booking.currency) for name in parts},
        slips=[(slip, as_money(slip.amount_minor, slip.currency)) for slip in slips],
    )  # fmt: skip


@staff_page("payments.take_payment")
@require_POST
def void(request: HttpRequest, slip_id: UUID) -> HttpResponse:
    """Strike a slip out."""
    slip = get_object_or_404(DeskPayment, pk=slip_id)
    if void_desk_payment(slip_id=slip.pk, actor=_actor(request)):
        messages.success(request, "Struck out. Write the right one now, if there is one.")
    else:
        messages.warning(request, "It was struck out already.")
    return redirect("desk", slip.booking_id)


# --- the day ---


@staff_page("payments.view_payment")
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """Show the day's takings by method."""
    chosen = _day(request)
    if chosen is None:
        return _page(request, "takings", "Takings", fault="That is no date. Write it like 2026-11-30.")
    rows = [(each, *(as_money(v, each.currency) for v in (each.taken_minor, each.back_minor, each.net_minor)))
            for each in takings(chosen)]  # fmt: skip
    step = timedelta(days=1)
    return _page(
        request, "takings", "Takings", day=chosen, rows=rows, before=chosen - step, after=chosen + step,
        has_after=chosen < timezone.localdate(),
    )  # fmt: skip


@staff_page("payments.view_payment")
@require_safe
def day_csv(request: HttpRequest) -> HttpResponse:
    """Hand out the day's single movements as CSV, amounts in major units."""
    chosen = _day(request)
    if chosen is None:
        return HttpResponse("That is no date. Write it like 2026-11-30.", status=400, content_type="text/plain")
    headers = {"Content-Disposition": f'attachment; filename="takings-{chosen}.csv"'}
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sheet = csv.writer(answer)
    sheet.writerow(["at", "method", "booking", "taken", "paid_back", "currency", "receipt"])
    for each in movements(chosen):
        at = timezone.localtime(each.at, timezone.get_default_timezone()).isoformat(timespec="seconds")
        amounts = (f"{minor // 100}.{minor % 100:02}" for minor in (each.taken_minor, each.back_minor))
        sheet.writerow(
            [_cell(text) for text in (at, each.method, each.reference, *amounts, each.currency, each.receipt)]
        )
    return answer


def _cell(text: str) -> str:
    # A spreadsheet would take it for a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _day(request: HttpRequest) -> date | None:
    text = request.GET.get("on", "")
    try:
        chosen = parse_date(text) if text else timezone.localdate()
    except ValueError:
        return None
    return chosen if chosen and 2000 <= chosen.year <= 2200 else None
