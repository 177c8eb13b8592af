"""From a wish to book to an order that can be paid: hold the slot, ask the gateway, remember what it answered.

The intent is committed before the gateway is called. A crash or a lost answer leaves a hold that lapses by itself and
an order that is found again by its receipt; a repeat under the same Idempotency-Key goes on where the first try ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bookings.api.idempotency import Answer, Claim, KeyedRequest, claim, forget, note_booking, release, store_answer
from bookings.models import Booking
from bookings.operations import NewBooking, hold_booking, reissue_manage_token, release_hold
from foundation.events import Actor
from payments.exceptions import GatewayUnavailable, OrderRejected
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayOrder
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected
from payments.ledger import lock_account
from payments.models import PaymentOrder
from payments.operations.settle import GATEWAY_ACTOR

log = logging.getLogger(__name__)

LOOK_AFTER = timedelta(seconds=10)  # when an order whose answer never came is looked for

Wish = Callable[[], dict[str, Any]]  # reads what hold_booking takes; raises what is wrong with it


@dataclass(frozen=True)
class Checkout:
    """A held booking with the order that pays for it."""

    booked: NewBooking
    order: PaymentOrder


def start_checkout(*, actor: Actor, **wish: Any) -> Checkout:
    """Hold a slot and open an order for it at the gateway; ``wish`` is what hold_booking takes.

    Raises what hold_booking raises, GatewayRejected (the slot is free again), or GatewayUnavailable (the slot stays
    held, and the order can be looked up or made by a repeat).
    """
    checkout = _begin(Claim(), actor, wish)
    return Checkout(checkout.booked, _open(checkout.order, is_repeat=False))


def answer_checkout(
    keyed: KeyedRequest | None, wish: Wish, *, actor: Actor, show: Callable[[Checkout], Mapping[str, Any]]
) -> Answer:
    """Start a checkout, or go on with the one that was begun under the same key; return what the client is told.

    Without a key, it goes on with one for the very same wish that the gateway has failed. Raises as start_checkout and
    bookings.idempotency.claim do.
    """
    with transaction.atomic():
        claimed = claim(keyed)
        if isinstance(claimed, Answer):
            return claimed
        resumed = _resumed(claimed) if keyed else _resumed_without_key(wish())
        checkout = resumed or _begin(claimed, actor, wish())
    try:
        order = _open(checkout.order, is_repeat=resumed is not None)
    except OrderRejected:
        forget(claimed)
        raise
    except GatewayUnavailable:
        release(claimed)
        PaymentOrder.objects.filter(pk=checkout.order.pk).update(awaits_repeat=keyed is None)
        raise
    return store_answer(claimed, booking=checkout.booked.booking, content=show(Checkout(checkout.booked, order)))


@transaction.atomic
def _begin(claimed: Claim, actor: Actor, wish: dict[str, Any]) -> Checkout:
    booked = hold_booking(actor=actor, token_for=claimed.token_for, **wish)
    order = PaymentOrder.objects.create(
        booking=booked.booking,
        key_id=settings.RAZORPAY_KEY_ID,
        amount_minor=booked.booking.due_online_minor,
        currency=booked.booking.currency,
        next_check_at=timezone.now() + LOOK_AFTER,
    )
    note_booking(claimed, booked.booking)
    return Checkout(booked, order)


def _resumed(claimed: Claim) -> Checkout | None:
    """Return what an earlier try began and may still be paid; None where there is nothing, or its hold has lapsed."""
    booking = claimed.booking
    if booking is None or booking.status != Booking.Status.HELD or booking.is_overdue:
        return None
    order = PaymentOrder.objects.get(booking=booking)
    return Checkout(NewBooking(booking, claimed.token_for(booking.pk)), order)


def _resumed_without_key(wish: dict[str, Any]) -> Checkout | None:
    """Return the checkout for this very wish that the gateway has failed, with a new token: the old was never shown."""
    same: dict[str, Any] = {f"customer__{name}": value for name, value in wish["customer"].items()}
    same |= {name: value for name, value in wish.items() if name != "customer" and value is not None}
    alike = Booking.objects.active().filter(status=Booking.Status.HELD, **same).values("pk")
    order = PaymentOrder.objects.filter(booking__in=alike, awaits_repeat=True).first()
    if order is None:
        return None
    account = lock_account(order.pk)  # of two who ask again at once, one goes on
    order, booking = account.order, account.booking
    if not order.awaits_repeat or booking.status != Booking.Status.HELD or booking.is_overdue:
        return None
    PaymentOrder.objects.filter(pk=order.pk).update(awaits_repeat=False)
    order.booking = booking
    return Checkout(reissue_manage_token(booking=booking), order)


def _open(order: PaymentOrder, *, is_repeat: bool) -> PaymentOrder:
    """Return the order once the gateway knows it. A repeat looks first: the last try may have made it."""
    if order.razorpay_order_id is not None:
        return order
    try:
        found = gateway.find_order(order.receipt) if is_repeat else None
        opened = found or gateway.create_order(
            amount_minor=order.amount_minor,
            currency=order.currency,
            receipt=order.receipt,
            notes={"booking": order.booking.reference},
        )
    except GatewayRejected as refusal:
        _reject(order, str(refusal))
        raise OrderRejected("The payment gateway refused the order. Please contact us to book.") from refusal
    except (GatewayNotSent, GatewayOutcomeUnknown) as trouble:
        log.warning("Order %s is not open yet: %s", order.receipt, trouble)
        PaymentOrder.objects.filter(pk=order.pk).update(last_error=str(trouble)[:250], updated_at=timezone.now())
        raise GatewayUnavailable(order.booking) from trouble
    if (adopted := adopt_order(order, opened)) is None:
        raise OrderRejected("The payment gateway answered with another amount. Please contact us to book.")
    return adopted


def adopt_order(order: PaymentOrder, opened: GatewayOrder) -> PaymentOrder | None:
    """Take the gateway's order for ours; return it as it stands, or None if it is for another sum: then nobody pays it.

    A second call with the same order changes nothing.
    """
    echoed = (opened.amount_minor, opened.currency, opened.receipt)
    if echoed != (order.amount_minor, order.currency, order.receipt):
        _reject(order, f"The gateway opened an order for {echoed}.")
        return None
    with transaction.atomic():
        account = lock_account(order.pk)
        row = account.order
        if row.razorpay_order_id is None:
            row.razorpay_order_id = opened.order_id
            row.state = PaymentOrder.State.OPEN if row.state == PaymentOrder.State.CREATING else row.state
            row.next_check_at = row.next_poll_after(timezone.now(), account.booking.hold_expires_at)
            row.last_error = ""
            row.save(update_fields=["razorpay_order_id", "state", "next_check_at", "last_error", "updated_at"])
    row.booking = order.booking
    return row


def _reject(order: PaymentOrder, reason: str) -> None:
    log.error("Razorpay refused order %s: %s", order.receipt, reason)
    with transaction.atomic():
        release_hold(booking_id=order.booking_id, actor=GATEWAY_ACTOR)
        PaymentOrder.objects.filter(pk=order.pk, state=PaymentOrder.State.CREATING).update(
            state=PaymentOrder.State.REJECTED, last_error=reason[:250], next_check_at=None, updated_at=timezone.now()
        )
