"""Actions on the items of the reconciliation page."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from foundation.clock import database_now
from foundation.events import Actor
from foundation.models import PeriodicTask
from payments.models import Discrepancy, GatewayEvent, PaymentOrder, Refund

RECONCILIATION = "daily_reconciliation"  # the name of the periodic task


class ReconciliationAction(models.TextChoices):
    POLL_ORDER = "check", "Check now"
    POLL_REFUND = "ask", "Check now"
    PROCESS_EVENT = "read", "Process again"
    RECONCILE = "compare", "Compare now"
    CLOSE_DISCREPANCY = "close", "Close"


def perform_reconciliation_action(*, action: ReconciliationAction, key: str, actor: Actor, note: str = "") -> bool:
    """Make the row with this ``key`` due immediately, or close a discrepancy; return whether there was such a row.

    Closing needs a ``note`` of at most 250 characters.
    """
    try:
        return bool(_perform(action, key, actor, note))
    except (ValidationError, ValueError):  # the key is not a valid id
        return False


def _perform(action: ReconciliationAction, key: str, actor: Actor, note: str) -> int:
    now = database_now()
    match action:
        case ReconciliationAction.POLL_ORDER:
            return PaymentOrder.objects.filter(pk=key).update(next_check_at=now)
        case ReconciliationAction.POLL_REFUND:
            return Refund.objects.filter(pk=key, state__in=Refund.UNSETTLED).update(next_try_at=now)
        case ReconciliationAction.PROCESS_EVENT:
            return GatewayEvent.objects.filter(pk=key).update(next_try_at=now, error="", attempts=0)
        case ReconciliationAction.RECONCILE:
            return PeriodicTask.objects.filter(name=RECONCILIATION).update(due_at=now)
        case ReconciliationAction.CLOSE_DISCREPANCY:
            return int(bool(note) and Discrepancy.objects.close(key, actor=actor, note=note))
