"""Background work of payments, run by the worker."""

from __future__ import annotations

from foundation.background_tasks import register_due_task, register_periodic_task
from payments.operations.reconciliation import RECONCILIATION
from payments.polling.daily_reconciliation import RETRY_INTERVAL, reconcile
from payments.polling.orders import poll_orders
from payments.polling.refunds import process_refunds
from payments.polling.webhook_events import process_events


def register() -> None:
    """Register the due tasks and periodic tasks of payments."""
    for task in (process_events, poll_orders, process_refunds):
        register_due_task(task)
    register_periodic_task(RECONCILIATION, RETRY_INTERVAL, reconcile)
