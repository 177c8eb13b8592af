"""What people, banks and Razorpay itself do with money: pay, fail, capture, approve late, pay back."""

from __future__ import annotations

import hashlib
import hmac
import string
import time

from sandbox.razorpay_webhooks import announce
from sandbox.world import Entry, World

BAD = "BAD_REQUEST_ERROR"


def pay_order(world: World, order: Entry, *, capture: bool = True, **told: object) -> dict[str, str]:
    """Pay an order as a person in Checkout would; return what Checkout hands to the page. Raises ValueError if paid.

    ``told`` may name another ``amount``, ``currency`` or ``method``: fees and offers change what is charged.
    """
    if order["status"] == "paid":
        raise ValueError("Payment already done for this order")
    payment = new_payment(world, order, "authorized")
    payment |= {name: told[name] for name in ("amount", "currency", "method") if name in told}
    world.log.write("payment.authorized", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    announce(world, "payment.authorized", payment=payment)
    if capture:
        capture_money(world, payment)
    message = f"{order['id']}|{payment['id']}".encode()
    secret = world.credentials.razorpay_key_secret.encode()
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": order["id"],
        "razorpay_signature": hmac.new(secret, message, hashlib.sha256).hexdigest(),
    }


def fail_order(world: World, order: Entry) -> Entry:
    """Let an attempt to pay fail at the bank; the order stays open."""
    payment = new_payment(world, order, "failed")
    payment |= {"error_code": BAD, "error_description": "Payment failed", "error_reason": "payment_failed"}
    world.log.write("payment.failed", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    announce(world, "payment.failed", payment=payment)
    return payment


def authorize_late(world: World, payment: Entry, *, capture: bool = False) -> Entry:
    """Let the bank say days later that a failed payment went through after all."""
    if payment["status"] != "failed":
        raise ValueError("Only a failed payment can be approved late")
    payment |= {"status": "authorized", "error_code": None, "error_description": None, "error_reason": None}
    world.log.write("payment.authorized", payment_id=payment["id"], order_id=payment["order_id"], late=True)
    announce(world, "payment.authorized", payment=payment)
    if capture:
        capture_money(world, payment)
    return payment


def give_back_uncaptured(world: World, payment: Entry) -> Entry:
    """Do what Razorpay does with money that was not captured in time. Raises ValueError for any other."""
    if payment["status"] != "authorized":
        raise ValueError("Only authorised money that was not captured goes back by itself")
    payment |= {"status": "refunded", "amount_refunded": payment["amount"], "refund_status": "full"}
    refund = _new_refund(world, payment, payment["amount"], {}, "processed")
    for event in ("refund.created", "refund.processed"):
        announce(world, event, refund=refund, payment=payment)
    return payment


def pay_back(world: World, payment: Entry, body: Entry) -> Entry:
    """Refund a captured payment, in part where ``body`` names an amount. Raises ValueError for more than is left."""
    left = payment["amount"] - payment["amount_refunded"]
    amount = body.get("amount", left)
    if not payment["captured"] or not isinstance(amount, int) or not 0 < amount <= left:
        raise ValueError("The total refund amount is greater than the refund payment amount")
    is_pending = world.strikes("refund_pending")
    refund = _new_refund(world, payment, amount, body, "pending" if is_pending else "processed")
    _note_refunded(payment, amount)
    for event in ("refund.created",) if is_pending else ("refund.created", "refund.processed"):
        announce(world, event, refund=refund, payment=payment)
    return refund


def end_refund(world: World, refund: Entry, status: str) -> Entry:
    """Let the bank process or fail a refund; a failed one gives its sum back to the payment."""
    if refund["status"] == "failed" or refund["status"] == status:
        raise ValueError(f"The refund is {refund['status']} already")
    refund["status"] = status
    payment = world.payments[refund["payment_id"]]
    if status == "failed":
        _note_refunded(payment, -refund["amount"])
    world.log.write(f"refund.{status}", refund_id=refund["id"], payment_id=payment["id"], amount=refund["amount"])
    announce(world, f"refund.{status}", refund=refund, payment=payment)
    return refund


def capture_money(world: World, payment: Entry) -> None:
    """Capture: the money moves, and its order is paid."""
    order = world.orders[payment["order_id"]]
    payment |= {"status": "captured", "captured": True, "fee": payment["amount"] // 50, "tax": 0}
    order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
    world.log.write("payment.captured", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    announce(world, "payment.captured", payment=payment)
    announce(world, "order.paid", payment=payment, order=order)


def new_payment(world: World, order: Entry, status: str) -> Entry:
    order["attempts"] += 1
    if order["status"] != "paid":
        order["status"] = "attempted"
    payment = {
        "id": new_id(world, "pay"),
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
    world.payments[payment["id"]] = payment
    return payment


def new_id(world: World, prefix: str) -> str:
    return f"{prefix}_" + "".join(world.dice.choices(string.ascii_letters + string.digits, k=14))


def _new_refund(world: World, payment: Entry, amount: int, body: Entry, status: str) -> Entry:
    refund = {
        "id": new_id(world, "rfnd"),
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
    world.refunds[refund["id"]] = refund
    world.log.write("refund.created", refund_id=refund["id"], payment_id=payment["id"], amount=amount)
    return refund


def _note_refunded(payment: Entry, amount: int) -> None:
    payment["amount_refunded"] += amount
    is_full = payment["amount_refunded"] == payment["amount"]
    payment["refund_status"] = "full" if is_full else "partial" if payment["amount_refunded"] else None
    payment["status"] = "refunded" if is_full else "captured"
