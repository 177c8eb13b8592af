"""Carries refunds out. One intent, one key, one body: however often the gateway is asked, it pays back once."""

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
from payments.models import Refund
from payments.operations.settle import settle_refund

log = logging.getLogger(__name__)

SOURCE = "refund"
LONGEST_WAIT = timedelta(hours=6)

State = Refund.State


def process_refunds() -> int:
    """Ask the gateway for the refunds that are due, or how they are getting on; return how many."""
    due = claim_due_rows(Refund.objects.filter(state__in=Refund.UNSETTLED).select_related("payment"), "next_try_at")
    for refund in due:
        _mark_sent(refund)
    return process_rows(due, call=_ask, apply=_apply, on_failure=_record_failure)


def _mark_sent(refund: Refund) -> None:
    # Written before the gateway is asked: from here on nobody may take it for not done.
    with transaction.atomic():
        payment = lock_payment(refund.payment_id)
        row = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
        row.payment = payment
        Refund.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
        advance_refund(row, State.SENT, source=SOURCE)
    refund.attempts += 1


def _ask(refund: Refund) -> GatewayRefund:
    """Refund, or if that is refused, see whether it has been done. The gateway knows it by our id as its receipt."""
    payment_id = refund.payment.razorpay_payment_id
    if refund.razorpay_refund_id is not None:
        return gateway.fetch_refund(refund.razorpay_refund_id)
    try:
        return gateway.create_refund(payment_id, amount_minor=refund.amount_minor, key=str(refund.pk))
    except GatewayRejected:
        for known in gateway.list_payment_refunds(payment_id):
            if known.receipt == str(refund.pk):
                return known
        raise


def _apply(refund: Refund, answer: GatewayRefund) -> None:
    postpone(refund, "next_try_at", _wait(refund))
    settle_refund(payment_pk=refund.payment_id, facts=answer, source=SOURCE)


def _record_failure(refund: Refund, error: CallFailed) -> None:
    if isinstance(error, GatewayRejected):
        _refused(refund, str(error))
    else:
        postpone(refund, "next_try_at", _wait(refund), last_error=str(error)[:250])


def _refused(refund: Refund, reason: str) -> None:
    log.error("Refund %s was refused: %s", refund.pk, reason)
    with transaction.atomic():
        payment = lock_payment(refund.payment_id)
        row = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
        row.payment = payment
        Refund.objects.filter(pk=row.pk).update(last_error=reason[:250])
        if advance_refund(row, State.FAILED, source=SOURCE, note=reason):
            flag_failed_refund(payment, row, source=SOURCE)


def _wait(refund: Refund) -> timedelta:
    return min(LONGEST_WAIT, timedelta(seconds=5 * 2 ** min(refund.attempts, 12)))
