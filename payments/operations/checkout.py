"""Start a checkout: hold the slot, create an order at the gateway, store its id.

The intent is committed before the gateway is called. A crash or a lost response leaves a hold, which expires, and an
order that can be found by its receipt. A repeat resumes where the first request stopped, with the same idempotency key,
another one, or none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.callers import UNKNOWN_CALLER, Caller
from bookings.api.idempotency import Execution, StoredResponse, begin_execution, take_over_unanswered
from bookings.api.keyed_request import KeyedRequest
from bookings.models import Booking
from bookings.operations import NewBooking, hold_booking, release_hold
from foundation.clock import database_now
from foundation.events import Actor
from payments.exceptions import GatewayUnavailable, OrderRejected
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayOrder
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected
from payments.ledger import lock_account
from payments.models import PaymentOrder
from payments.operations.settle import GATEWAY_ACTOR

log = logging.getLogger(__name__)

FIRST_POLL_AFTER = timedelta(seconds=10)  # for an order whose creation got no response

BookingInputReader = Callable[[], dict[str, Any]]  # returns the arguments of hold_booking, or raises ValidationError


@dataclass(frozen=True)
class Checkout:
    """A held booking with the order that pays for it."""

    new_booking: NewBooking
    order: PaymentOrder


def start_checkout(*, actor: Actor, **booking_input: Any) -> Checkout:
    """Hold a slot and create an order for it at the gateway. Takes the arguments of hold_booking.

    Raises what hold_booking raises, OrderRejected (the slot is free again), or GatewayUnavailable (the slot stays held,
    and a repeat or the poller finds or creates the order).
    """
    checkout = _begin(Execution(), actor, UNKNOWN_CALLER, booking_input)
    return Checkout(checkout.new_booking, _create_at_gateway(checkout.order, is_repeat=False))


def respond_to_checkout(
    keyed: KeyedRequest,
    read_input: BookingInputReader,
    *,
    actor: Actor,
    represent: Callable[[Checkout], Mapping[str, Any]],
) -> StoredResponse:
    """Start a checkout, or resume the one that was begun with the same key; return the response.

    Also resume a checkout of the same caller with the same input that got no response, under any key. Raises what
    start_checkout, begin_execution and take_over_unanswered raise.
    """
    with transaction.atomic():
        execution = begin_execution(keyed)
        if isinstance(execution, StoredResponse):
            return execution
        execution = take_over_unanswered(execution, keyed)
        interrupted_checkout = _find_interrupted(execution)
        checkout = interrupted_checkout or _begin(execution, actor, keyed.caller, read_input())
    with execution.resumable(undone_by=OrderRejected):
        order = _create_at_gateway(checkout.order, is_repeat=interrupted_checkout is not None)
    booking = checkout.new_booking.booking
    return execution.store_response(booking=booking, content=represent(Checkout(checkout.new_booking, order)))


@transaction.atomic
def _begin(execution: Execution, actor: Actor, caller: Caller, booking_input: dict[str, Any]) -> Checkout:
    new_booking = hold_booking(actor=actor, caller=caller, token_for=execution.token_for, **booking_input)
    order = PaymentOrder.objects.create(
        booking=new_booking.booking,
        key_id=settings.RAZORPAY_KEY_ID,
        amount_minor=new_booking.booking.due_online_minor,
        currency=new_booking.booking.currency,
        next_check_at=database_now() + FIRST_POLL_AFTER,
    )
    execution.attach_booking(new_booking.booking)
    return Checkout(new_booking, order)


def _find_interrupted(execution: Execution) -> Checkout | None:
    """Return the checkout that the interrupted request began, if its hold can still be paid."""
    booking = execution.interrupted_booking
    if booking is None or booking.status != Booking.Status.HELD or booking.is_overdue:
        return None
    order = PaymentOrder.objects.get(booking=booking)
    return Checkout(NewBooking(booking, execution.token_for(booking.pk)), order)


def _create_at_gateway(order: PaymentOrder, *, is_repeat: bool) -> PaymentOrder:
    """Create the order at the gateway, and return the current row.

    A repeat looks the order up first: the previous request may have created it.
    """
    if order.razorpay_order_id is not None:
        return order
    try:
        existing_order = gateway.find_order(order.receipt) if is_repeat else None
        gateway_order = existing_order or gateway.create_order(
            amount_minor=order.amount_minor,
            currency=order.currency,
            receipt=order.receipt,
            notes={"booking": order.booking.reference},
        )
    except GatewayRejected as refusal:
        _reject(order, str(refusal))
        raise OrderRejected("The payment gateway refused the order. Please contact us to book.") from refusal
    except (GatewayNotSent, GatewayOutcomeUnknown) as error:
        log.warning("Failed to create order %s at the gateway: %s", order.receipt, error)
        PaymentOrder.objects.filter(pk=order.pk).update(last_error=str(error)[:250], updated_at=database_now())
        raise GatewayUnavailable(order.booking, gateway_retry_after=error.retry_after) from error
    if (adopted_order := adopt_order(order, gateway_order)) is None:
        raise OrderRejected("The payment gateway created an order with different details. Please contact us to book.")
    return adopted_order


def adopt_order(order: PaymentOrder, gateway_order: GatewayOrder) -> PaymentOrder | None:
    """Store the gateway's id of our order, and return the current row.

    If the gateway's amount, currency or receipt differs, reject our order and return None. A second call with the same
    order changes nothing.
    """
    gateway_values = (gateway_order.amount_minor, gateway_order.currency, gateway_order.receipt)
    if gateway_values != (order.amount_minor, order.currency, order.receipt):
        _reject(order, f"The gateway created an order for {gateway_values}.")
        return None
    with transaction.atomic():
        account = lock_account(order.pk)
        row = account.order
        if row.razorpay_order_id is None:
            row.razorpay_order_id = gateway_order.order_id
            row.state = PaymentOrder.State.OPEN if row.state == PaymentOrder.State.CREATING else row.state
            row.next_check_at = row.next_poll_after(database_now(), account.booking.hold_expires_at)
            row.last_error = ""
            row.save(update_fields=["razorpay_order_id", "state", "next_check_at", "last_error", "updated_at"])
    row.booking = order.booking
    return row


def _reject(order: PaymentOrder, reason: str) -> None:
    log.error("Razorpay refused order %s: %s", order.receipt, reason)
    with transaction.atomic():
        release_hold(booking_id=order.booking_id, actor=GATEWAY_ACTOR)
        PaymentOrder.objects.filter(pk=order.pk, state=PaymentOrder.State.CREATING).update(
            state=PaymentOrder.State.REJECTED, last_error=reason[:250], next_check_at=None, updated_at=database_now()
        )
