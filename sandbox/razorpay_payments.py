"""Simulate what customers, banks and Razorpay do: pay, fail, capture, authorize late, refund."""

from __future__ import annotations

import hashlib
import hmac
import string
import time

from sandbox.razorpay_webhooks import publish
from sandbox.state import Entry, State

BAD_REQUEST = "BAD_REQUEST_ERROR"


def pay_order(state: State, order: Entry, *, capture: bool = True, **options: object) -> dict[str, str]:
    """Pay an order, as a customer does at Checkout; return what Checkout passes to the page.

    ``options`` may override ``amount``, ``currency`` or ``method``: fees and offers change what is charged.
    Raises ValueError if the order is already paid.
    """
    if order["status"] == "paid":
        raise ValueError("Payment already done for this order")
    payment = new_payment(state, order, "authorized")
    if state.settings.customer_bears_fee:
        tax = order["amount"] // 50 * 18 // 100
        fee = order["amount"] // 50 + tax  # 2 %, and 18 % tax on it
        payment |= {"amount": order["amount"] + fee, "fee": fee, "tax": tax}
    payment |= {name: options[name] for name in ("amount", "currency", "method") if name in options}
    state.log.write("payment.authorized", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    publish(state, "payment.authorized", payment=payment)
    if capture:
        capture_payment(state, payment)
    message = f"{order['id']}|{payment['id']}".encode()
    secret = state.credentials.razorpay_key_secret.encode()
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": order["id"],
        "razorpay_signature": hmac.new(secret, message, hashlib.sha256).hexdigest(),
    }


def fail_order(state: State, order: Entry) -> Entry:
    """Fail a payment, as the bank does. The order can still be paid."""
    payment = new_payment(state, order, "failed")
    payment |= {"error_code": BAD_REQUEST, "error_description": "Payment failed", "error_reason": "payment_failed"}
    state.log.write("payment.failed", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    publish(state, "payment.failed", payment=payment)
    return payment


def authorize_late(state: State, payment: Entry, *, capture: bool = False) -> Entry:
    """Authorize a failed payment, as a bank may do days later. Raises ValueError for any other payment."""
    if payment["status"] != "failed":
        raise ValueError("Only a failed payment can be authorized late")
    payment |= {"status": "authorized", "error_code": None, "error_description": None, "error_reason": None}
    state.log.write("payment.authorized", payment_id=payment["id"], order_id=payment["order_id"], late=True)
    publish(state, "payment.authorized", payment=payment)
    if capture:
        capture_payment(state, payment)
    return payment


def refund_uncaptured(state: State, payment: Entry) -> Entry:
    """Refund an authorized payment that was not captured in time. Raises ValueError for any other payment."""
    if payment["status"] != "authorized":
        raise ValueError("Only an authorized payment is refunded automatically")
    payment |= {"status": "refunded", "amount_refunded": payment["amount"], "refund_status": "full"}
    refund = _new_refund(state, payment, payment["amount"], {}, "processed")
    for event in ("refund.created", "refund.processed"):
        publish(state, event, refund=refund, payment=payment)
    return payment


def refund_payment(state: State, payment: Entry, body: Entry) -> Entry:
    """Refund a captured payment, in part if ``body`` has an ``amount``.

    Raises ValueError if the payment is not captured, or if the amount is invalid or exceeds the remainder.
    """
    remaining = payment["amount"] - payment["amount_refunded"]
    amount = body.get("amount", remaining)
    if not payment["captured"] or not isinstance(amount, int) or not 0 < amount <= remaining:
        raise ValueError("The total refund amount is greater than the refund payment amount")
    is_pending = state.is_injected("refund_pending")
    refund = _new_refund(state, payment, amount, body, "pending" if is_pending else "processed")
    _add_to_amount_refunded(payment, amount)
    for event in ("refund.created",) if is_pending else ("refund.created", "refund.processed"):
        publish(state, event, refund=refund, payment=payment)
    return refund


def set_refund_status(state: State, refund: Entry, status: str) -> Entry:
    """Process or fail a refund, as the bank does; a failed refund no longer counts as refunded.

    Raises ValueError if the refund has failed or already has this status.
    """
    if refund["status"] == "failed" or refund["status"] == status:
        raise ValueError(f"The refund is already {refund['status']}")
    refund["status"] = status
    payment = state.payments[refund["payment_id"]]
    if status == "failed":
        _add_to_amount_refunded(payment, -refund["amount"])
    state.log.write(f"refund.{status}", refund_id=refund["id"], payment_id=payment["id"], amount=refund["amount"])
    publish(state, f"refund.{status}", refund=refund, payment=payment)
    return refund


def capture_payment(state: State, payment: Entry) -> None:
    """Capture a payment and mark its order as paid."""
    order = state.orders[payment["order_id"]]
    payment |= {"status": "captured", "captured": True}
    if payment["fee"] is None:
        payment |= {"fee": payment["amount"] // 50, "tax": 0}
    order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
    state.log.write("payment.captured", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    publish(state, "payment.captured", payment=payment)
    publish(state, "order.paid", payment=payment, order=order)


def new_payment(state: State, order: Entry, status: str) -> Entry:
    order["attempts"] += 1
    if order["status"] != "paid":
        order["status"] = "attempted"
    payment = {
        "id": new_id(state, "pay"),
        "entity": "payment",
        "amount": order["amount"],
        "currency": order["currency"],
        "status": status,
        "order_id": order["id"],
        "invoice_id": None,
        "international": False,
        "method": "upi",
        "amount_refunded": 0,
        "refund_status": None,
        "captured": False,
        "description": None,
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": "success@razorpay",
        "email": "payer@example.com",
        "contact": "+919812340003",
        "notes": [],
        "fee": None,
        "tax": None,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {},
        "created_at": int(time.time()),
    }
    state.payments[payment["id"]] = payment
    return payment


def new_id(state: State, prefix: str) -> str:
    return f"{prefix}_" + "".join(state.rng.choices(string.ascii_letters + string.digits, k=14))


def _new_refund(state: State, payment: Entry, amount: int, body: Entry, status: str) -> Entry:
    refund = {
        "id": new_id(state, "rfnd"),
        "entity": "refund",
        "amount": amount,
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "notes": body.get("notes") or [],
        "receipt": body.get("receipt"),
        "acquirer_data": {"arn": None},
        "created_at": int(time.time()),
        "batch_id": None,
        "status": status,
        "speed_processed": "normal",
        "speed_requested": body.get("speed", "normal"),
    }
    state.refunds[refund["id"]] = refund
    state.log.write("refund.created", refund_id=refund["id"], payment_id=payment["id"], amount=amount)
    return refund


def _add_to_amount_refunded(payment: Entry, amount: int) -> None:
    payment["amount_refunded"] += amount
    is_full = payment["amount_refunded"] == payment["amount"]
    payment["refund_status"] = "full" if is_full else "partial" if payment["amount_refunded"] else None
    payment["status"] = "refunded" if is_full else "captured"
