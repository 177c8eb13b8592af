"""Process refunds: request them from the gateway, and poll their state.

Each refund has one idempotency key and one body, so the gateway refunds it once, however often it is called.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from foundation.due_rows import claim_due_rows, postpone, process_rows
from foundation.outcomes import CallFailed
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayRefund
from payments.gateway.errors import GatewayRejected
from payments.ledger import advance_refund, flag_failed_refund, lock_payment
from payments.models import Payment, PaymentLog, Refund
from payments.operations.settle import settle_refund

log = logging.getLogger(__name__)

SOURCE = PaymentLog.Source.REFUND
FIRST_BACKOFF = timedelta(seconds=5)
MAX_BACKOFF = timedelta(hours=6)

State = Refund.State


def process_refunds() -> int:
    """Request or poll the refunds that are due; return how many."""
    due_refunds = claim_due_rows(
        Refund.objects.filter(state__in=Refund.UNSETTLED).select_related("payment"), "next_try_at"
    )
    for refund in due_refunds:
        _mark_sent(refund)
    return process_rows(due_refunds, call=_request_or_fetch, apply=_apply, on_failure=_record_failure)


def _mark_sent(refund: Refund) -> None:
    # Committed before the gateway is called: from here on, the refund may have taken effect.
    with transaction.atomic():
        row, _ = _lock_refund(refund)
        Refund.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
        advance_refund(row, State.SENT, source=SOURCE)
    refund.attempts += 1


def _request_or_fetch(refund: Refund) -> GatewayRefund:
    """Fetch the refund if the gateway's id is known, or else request it.

    If the request is rejected, check whether the refund exists: the gateway stores our id as its receipt.
    """
    payment_id = refund.payment.razorpay_payment_id
    if refund.razorpay_refund_id is not None:
        return gateway.fetch_refund(refund.razorpay_refund_id)
    try:
        return gateway.create_refund(payment_id, amount_minor=refund.amount_minor, key=str(refund.pk))
    except GatewayRejected:
        for existing in gateway.list_payment_refunds(payment_id):
            if existing.receipt == str(refund.pk):
                return existing
        raise


def _apply(refund: Refund, gateway_refund: GatewayRefund) -> None:
    postpone(refund, "next_try_at", _backoff(refund))
    settle_refund(payment_pk=refund.payment_id, gateway_refund=gateway_refund, source=SOURCE)


def _record_failure(refund: Refund, error: CallFailed) -> None:
    if isinstance(error, GatewayRejected):
        _fail(refund, str(error))
    else:
        postpone(refund, "next_try_at", _backoff(refund), last_error=str(error)[:250])


def _fail(refund: Refund, reason: str) -> None:
    log.error("The gateway refused refund %s: %s", refund.pk, reason)
    with transaction.atomic():
        row, payment = _lock_refund(refund)
        Refund.objects.filter(pk=row.pk).update(last_error=reason[:250])
        if advance_refund(row, State.FAILED, source=SOURCE, note=reason):
            flag_failed_refund(payment, row, source=SOURCE)


def _lock_refund(refund: Refund) -> tuple[Refund, Payment]:
    payment = lock_payment(refund.payment_id)
    row = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
    row.payment = payment
    return row, payment


def _backoff(refund: Refund) -> timedelta:
    return min(MAX_BACKOFF, FIRST_BACKOFF * (1 << min(refund.attempts, 12)))
