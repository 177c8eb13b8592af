"""Build checkouts, payments and webhooks, and make polls due."""

import hashlib
import hmac
import json
from collections import Counter
from datetime import timedelta
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from foundation.background_tasks import run_due_tasks
from foundation.events import Actor, ActorKind
from notifications.models import Notification
from payments.models import DeskPayment, Payment, PaymentOrder, Refund
from payments.operations import record_desk_payment, start_checkout
from payments.operations.verify import verify_payment
from sandbox.process import RunningSandbox
from tests.builders.bookings import CUSTOMER, DESK, make_paid_service, slot

WEBHOOK_URL = "/payments/razorpay/webhook"
WEBHOOK_SECRET = "sandbox-webhook-secret"


def checkout(service=None, **changes):
    """Hold a slot and create an order for it at the gateway."""
    service = service or make_paid_service()
    return start_checkout(
        **{"service": service, "starts_at": slot(), "customer": CUSTOMER, "actor": Actor(ActorKind.CUSTOMER), **changes}
    )


def count_messages_by_kind():
    return dict(Counter(Notification.objects.values_list("kind", flat=True)))


def verify(checkout_response):
    """Verify what Razorpay Checkout returned to the browser."""
    return verify_payment(
        order_id=checkout_response["razorpay_order_id"],
        payment_id=checkout_response["razorpay_payment_id"],
        signature=checkout_response["razorpay_signature"],
    )


def make_captured_payment(sandbox: RunningSandbox) -> Payment:
    """Pay for a new booking, and poll until the payment is captured and the booking confirmed."""
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    run_due_tasks()
    return Payment.objects.get()


def pay_at_desk(booking, amount_minor=50_000, *, kind=DeskPayment.Kind.TAKEN, is_by_manager=True, **fields):
    """Record a desk payment in cash."""
    method = "" if kind == DeskPayment.Kind.WRITTEN_OFF else DeskPayment.Method.CASH
    return record_desk_payment(
        booking_id=booking.pk,
        kind=kind,
        method=method,
        amount_minor=amount_minor,
        key=uuid4(),
        actor=DESK,
        is_by_manager=is_by_manager,
        **fields,
    )


def pay_out(booking, amount_minor, **fields):
    """Pay out cash at the desk."""
    return pay_at_desk(booking, amount_minor, kind=DeskPayment.Kind.PAID_OUT, **fields)


def write_off(booking, amount_minor, **fields):
    return pay_at_desk(booking, amount_minor, kind=DeskPayment.Kind.WRITTEN_OFF, **fields)


def make_orders_due(**fields):
    PaymentOrder.objects.update(next_check_at=timezone.now() - timedelta(seconds=1), **fields)


def make_refunds_due():
    Refund.objects.filter(next_try_at__isnull=False).update(next_try_at=timezone.now() - timedelta(seconds=1))


def gateway_refund_amounts(sandbox, payment):
    """Return the amounts of the refunds that the gateway made for the payment."""
    refunds = sandbox.client.log(kind="refund.created")
    return [refund["amount"] for refund in refunds if refund["payment_id"] == payment.razorpay_payment_id]


def sign_webhook(body: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post_webhook(body: bytes, signature: str | None = None, event_id: str = "evt_1", **extra):
    headers = {"X-Razorpay-Signature": sign_webhook(body) if signature is None else signature, **extra}
    if event_id:
        headers["X-Razorpay-Event-Id"] = event_id
    return Client(headers=headers).post(WEBHOOK_URL, body, content_type="application/json")


def payment_entity(new_checkout, **changes):
    return {
        "id": "pay_Webhook0000001",
        "entity": "payment",
        "amount": 50_000,
        "currency": "INR",
        "status": "captured",
        "order_id": new_checkout.order.razorpay_order_id,
        "method": "upi",
        "amount_refunded": 0,
        "captured": True,
        "email": "customer@example.com",
        "notes": [],
        "error_code": None,
        **changes,
    }


def webhook_event(kind, **entities):
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    return json.dumps({"entity": "event", "event": kind, "payload": payload, "created_at": 1}).encode()
