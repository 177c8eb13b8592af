"""The reconciliation page: what differs between the gateway and our books, or needs a decision."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.models import PeriodicTask
from payments.models import Discrepancy, GatewayEvent, PaymentOrder, Refund
from payments.polling.daily_reconciliation import RECONCILIATION
from payments.reconciliation import list_reconciliation_items


@staff_page("payments.review_payment")
@require_safe
def reconciliation(request: HttpRequest) -> HttpResponse:
    """List what does not add up, oldest first."""
    last = PeriodicTask.objects.filter(name=RECONCILIATION).first()
    return render_staff_page(
        request, "payments/reconciliation.html", "Reconciliation", rows=list_reconciliation_items(), last=last
    )


@staff_page("payments.review_payment")
@require_POST
def resolve(request: HttpRequest) -> HttpResponse:
    """Do what one of the list's buttons says."""
    now, key = timezone.now(), request.POST.get("key", "")
    rows: dict[str, Callable[[], int]] = {
        "check": lambda: PaymentOrder.objects.filter(pk=key).update(next_check_at=now),
        "ask": lambda: Refund.objects.filter(pk=key, state__in=Refund.UNSETTLED).update(next_try_at=now),
        "read": lambda: GatewayEvent.objects.filter(pk=key).update(next_try_at=now, error="", attempts=0),
        "compare": lambda: PeriodicTask.objects.filter(name=RECONCILIATION).update(due_at=now),
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
    open_ones = Discrepancy.objects.filter(pk=key, closed_at=None)
    return open_ones.update(closed_at=timezone.now(), closed_by=str(Actor.from_user(request.user)), resolution=note)
