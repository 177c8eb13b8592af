"""The reconciliation page: discrepancies, overdue work, and payments that need a decision."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.models import PeriodicTask
from foundation.texts import clean_line
from payments.operations.reconciliation import (
    RECONCILIATION,
    ReconciliationAction,
    perform_reconciliation_action,
)
from payments.reconciliation import list_reconciliation_items


@staff_page("payments.review_payment")
@require_safe
def reconciliation(request: HttpRequest) -> HttpResponse:
    """List the items, oldest first."""
    last_run = PeriodicTask.objects.filter(name=RECONCILIATION).first()
    return render_staff_page(
        request,
        "payments/reconciliation.html",
        "Reconciliation",
        items=list_reconciliation_items(),
        last_run=last_run,
        actions=ReconciliationAction,
    )


@staff_page("payments.review_payment")
@require_POST
def resolve(request: HttpRequest) -> HttpResponse:
    """Perform the action whose button was pressed."""
    action = request.POST.get("action", "")
    note = clean_line(request.POST.get("note", ""))[:250]
    if action in ReconciliationAction.values and perform_reconciliation_action(
        action=ReconciliationAction(action),
        key=request.POST.get("key", ""),
        actor=Actor.from_user(request.user),
        note=note,
    ):
        messages.success(request, "Done. The list updates in a few seconds.")
    else:
        messages.warning(
            request, "That was not possible. Check the list again, and enter a resolution where one is required."
        )
    return redirect("reconciliation")
