"""Razorpay's orders, payments, refunds and disputes, translated into our terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from foundation.texts import clean_line
from payments.gateway.errors import UnreadableEntity
from payments.models import Dispute, Payment, PaymentOrder, Refund

ORDER_ID = re.compile(r"order_[A-Za-z0-9]{1,34}")
PAYMENT_ID = re.compile(r"pay_[A-Za-z0-9]{1,36}")
CURRENCY = re.compile(r"[A-Z]{3}")
REFUND_ID = re.compile(r"rfnd_[A-Za-z0-9]{1,35}")
DISPUTE_ID = re.compile(r"disp_[A-Za-z0-9]{1,35}")
EARLIEST, LATEST = 1_000_000_000, 9_999_999_999  # 2001 to 2286, in seconds

PAYMENT_STATES = {
    "created": Payment.State.CREATED,
    "failed": Payment.State.FAILED,
    "authorized": Payment.State.AUTHORIZED,
    "captured": Payment.State.CAPTURED,
    "refunded": Payment.State.REFUNDED,
}

REFUND_STATES = {
    "pending": Refund.State.PENDING,
    "processed": Refund.State.PROCESSED,
    "failed": Refund.State.FAILED,
    "reversed": Refund.State.FAILED,
}

DISPUTE_STATES = {
    "open": Dispute.State.OPEN,
    "action_required": Dispute.State.OPEN,
    "under_review": Dispute.State.UNDER_REVIEW,
    "won": Dispute.State.WON,
    "lost": Dispute.State.LOST,
    "closed": Dispute.State.CLOSED,
}


@dataclass(frozen=True)
class GatewayOrder:
    """An order at the gateway. ``amount_minor`` is in minor units of ``currency``."""

    order_id: str
    amount_minor: int
    currency: str
    receipt: str


@dataclass(frozen=True)
class GatewayPayment:
    """A payment at the gateway. ``was_captured``: it has been captured, even if it was refunded since.

    ``refunded_minor``: the amount refunded or being refunded, no matter who requested it. ``fee_minor``: the gateway's
    fee with its tax, or 0 if it is not known yet. ``created_at``: when the customer paid, by the gateway's clock; it
    reports no time of the capture.
    """

    payment_id: str
    order_id: str
    amount_minor: int
    currency: str
    state: Payment.State
    was_captured: bool
    refunded_minor: int = 0
    fee_minor: int = 0
    method: str = ""
    error: str = ""
    created_at: datetime | None = None

    def fee_on_top_of(self, order: PaymentOrder) -> int:
        """Return the fee if the customer paid it on top of the order's amount, or 0.

        Where the customer bears the fee, Razorpay's ``amount`` is the order's amount plus ``fee``
        (razorpay.com/docs, Customer Fee Bearer). A fee that customer and business share is not recognised.
        """
        is_on_top = (self.amount_minor - self.fee_minor, self.currency) == (order.amount_minor, order.currency)
        return self.fee_minor if is_on_top else 0


@dataclass(frozen=True)
class GatewayRefund:
    """A refund at the gateway. ``receipt`` is our id for it, or empty if we did not request it.

    ``created_at``: when it began, by the gateway's clock.
    """

    refund_id: str
    payment_id: str
    amount_minor: int
    currency: str
    state: Refund.State
    receipt: str
    created_at: datetime | None = None


@dataclass(frozen=True)
class GatewayDispute:
    """A dispute at the gateway. ``deducted_minor``: what it took from the business, because the dispute was lost."""

    dispute_id: str
    payment_id: str
    amount_minor: int
    currency: str
    phase: Dispute.Phase
    state: Dispute.State
    deducted_minor: int = 0
    reason: str = ""
    respond_by: datetime | None = None
    created_at: datetime | None = None


def read_order(entity: dict[str, Any]) -> GatewayOrder:
    """Translate the entity. Raises UnreadableEntity."""
    return GatewayOrder(
        _id(entity, "id", ORDER_ID), _amount(entity, "amount"), _currency(entity), _text(entity, "receipt")
    )


def read_payment(entity: dict[str, Any]) -> GatewayPayment:
    """Translate the entity. Raises UnreadableEntity."""
    state = PAYMENT_STATES.get(_text(entity, "status"))
    if state is None:
        raise UnreadableEntity(f"Unknown payment status {entity.get('status')!r}.")
    return GatewayPayment(
        payment_id=_id(entity, "id", PAYMENT_ID),
        order_id=_text(entity, "order_id"),
        amount_minor=_amount(entity, "amount"),
        currency=_currency(entity),
        state=state,
        # Razorpay's sample payloads of authorised and failed payments have "captured": true: check the status as well.
        was_captured=state == Payment.State.CAPTURED
        or (state == Payment.State.REFUNDED and entity.get("captured") is True),
        refunded_minor=_amount(entity, "amount_refunded") if entity.get("amount_refunded") else 0,
        fee_minor=_amount(entity, "fee") if entity.get("fee") else 0,
        method=_text(entity, "method")[:20],
        error=(_text(entity, "error_description") or _text(entity, "error_code"))[:250],
        created_at=_time(entity, "created_at"),
    )


def read_refund(entity: dict[str, Any]) -> GatewayRefund:
    """Translate the entity. Raises UnreadableEntity."""
    state = REFUND_STATES.get(_text(entity, "status"))
    if state is None:
        raise UnreadableEntity(f"Unknown refund status {entity.get('status')!r}.")
    return GatewayRefund(
        refund_id=_id(entity, "id", REFUND_ID),
        payment_id=_id(entity, "payment_id", PAYMENT_ID),
        amount_minor=_amount(entity, "amount"),
        currency=_currency(entity),
        state=state,
        receipt=_text(entity, "receipt"),
        created_at=_time(entity, "created_at"),
    )


def read_dispute(entity: dict[str, Any]) -> GatewayDispute:
    """Translate the entity. Raises UnreadableEntity."""
    state = DISPUTE_STATES.get(_text(entity, "status"))
    if state is None:
        raise UnreadableEntity(f"Unknown dispute status {entity.get('status')!r}.")
    if (phase := _text(entity, "phase")) not in Dispute.Phase.values:
        raise UnreadableEntity(f"Unknown dispute phase {entity.get('phase')!r}.")
    amount_minor = _amount(entity, "amount")
    deducted_minor = amount_minor if entity.get("amount_deducted") is None else _amount(entity, "amount_deducted")
    return GatewayDispute(
        dispute_id=_id(entity, "id", DISPUTE_ID),
        payment_id=_id(entity, "payment_id", PAYMENT_ID),
        amount_minor=amount_minor,
        currency=_currency(entity),
        phase=Dispute.Phase(phase),
        state=state,
        # Some accounts are debited when a dispute begins, and get the money back if they win.
        deducted_minor=deducted_minor if state == Dispute.State.LOST else 0,
        reason=(_text(entity, "reason_description") or _text(entity, "reason_code").replace("_", " "))[:250],
        respond_by=_time(entity, "respond_by"),
        created_at=_time(entity, "created_at"),
    )


def read_event_time(body: object) -> datetime | None:
    """Return when the gateway created the event, or None if it does not say so."""
    return _time(body, "created_at") if isinstance(body, dict) else None


def _id(entity: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    # Ids become part of the URLs of later calls, so they must be valid.
    value = entity.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise UnreadableEntity(f"{name} is not a valid Razorpay id.")
    return value


def _amount(entity: dict[str, Any], name: str) -> int:
    value = entity.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise UnreadableEntity(f"{name} is not a valid amount.")
    return value


def _currency(entity: dict[str, Any]) -> str:
    value = _text(entity, "currency")
    if not CURRENCY.fullmatch(value):
        raise UnreadableEntity("currency is not a valid currency code.")
    return value


def _time(entity: dict[str, Any], name: str) -> datetime | None:
    """Return the time that is given in seconds since 1970, or None if it is missing or not a time of this service."""
    value = entity.get(name)
    if not isinstance(value, int) or not EARLIEST <= value <= LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)


def _text(entity: dict[str, Any], name: str) -> str:
    value = entity.get(name)
    return clean_line(value) if isinstance(value, str) else ""
