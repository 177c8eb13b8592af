"""Record disputes: apply what the gateway reports about them, from webhooks and the daily reconciliation."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from payments.exceptions import PaymentMismatch
from payments.gateway.entities import GatewayDispute
from payments.ledger import append_to_log, lock_payment
from payments.models import Dispute, Payment

log = logging.getLogger(__name__)

State = Dispute.State
Order = tuple[int, bool, datetime, int]


@transaction.atomic
def record_dispute(*, payment_pk: int, gateway_dispute: GatewayDispute, reported_at: datetime, source: str) -> Dispute:
    """Record the reported state of a dispute of this payment; repeated and outdated reports change nothing.

    ``reported_at``: when the gateway made the report. Raises PaymentMismatch for a dispute of another payment.
    """
    payment = lock_payment(payment_pk)
    known = Dispute.objects.filter(razorpay_dispute_id=gateway_dispute.dispute_id).first()
    if known is not None and known.payment_id != payment.pk:
        raise PaymentMismatch("This dispute belongs to another payment.")
    dispute = known or Dispute(
        razorpay_dispute_id=gateway_dispute.dispute_id,
        payment=payment,
        opened_at=gateway_dispute.created_at or reported_at,
    )
    if known is None or _order_of(gateway_dispute, reported_at) > _order_of(known, known.reported_at):
        _apply(dispute, payment, gateway_dispute, reported_at, source)
    elif known.state == gateway_dispute.state and known.decided_at and reported_at < known.decided_at:
        known.decided_at = reported_at  # the webhook that says when arrived after the reconciliation
        known.save(update_fields=["decided_at"])
    return dispute


def _order_of(dispute: GatewayDispute | Dispute, reported_at: datetime) -> Order:
    """Return the sort key of a report: the largest one holds, so the order of arrival does not matter.

    A later phase reopens a decided dispute. Within a phase, the bank and the business take turns until a decision.
    """
    phase, state = Dispute.Phase(dispute.phase), State(dispute.state)
    is_decided = state not in Dispute.OPEN_STATES
    return Dispute.Phase.values.index(phase), is_decided, reported_at, State.values.index(state)


def _apply(
    dispute: Dispute, payment: Payment, gateway_dispute: GatewayDispute, reported_at: datetime, source: str
) -> None:
    before = (dispute.phase, dispute.state)
    dispute.phase, dispute.state = gateway_dispute.phase, gateway_dispute.state
    dispute.amount_minor, dispute.currency = gateway_dispute.amount_minor, gateway_dispute.currency
    dispute.deducted_minor = gateway_dispute.deducted_minor
    dispute.reason = gateway_dispute.reason or dispute.reason
    dispute.respond_by = gateway_dispute.respond_by or dispute.respond_by
    dispute.reported_at = reported_at
    has_moved = before != (dispute.phase, dispute.state)
    if has_moved:
        dispute.decided_at = None if dispute.is_open else reported_at
    dispute.save()
    if has_moved:
        note = f"Dispute {dispute}, {dispute.get_phase_display().lower()}"
        append_to_log(payment, before[1], dispute.state, source, note)
        _report(dispute, payment)


def _report(dispute: Dispute, payment: Payment) -> None:
    if dispute.state == State.OPEN:
        deadline = timezone.localtime(dispute.respond_by).isoformat() if dispute.respond_by else "the deadline"
        log.error("Payment %s is disputed: respond to %s in Razorpay's Dashboard by %s", payment, dispute, deadline)
    elif dispute.state == State.LOST:
        log.error("The dispute %s about payment %s was lost", dispute, payment)
