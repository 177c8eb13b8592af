"""A customer who has used everything that stores personal data, with canary values in each text."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client
from twilio.request_validator import RequestValidator

from bookings.models import Booking, Customer
from bookings.operations import complete_booking, confirm_booking
from foundation.background_tasks import run_due_tasks
from notifications.delivery.receipts import apply_receipts
from notifications.models import Attempt, Notification
from payments.models import DeskPayment, Payment
from payments.operations import record_desk_payment, refund_payment
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    DESK,
    booking_request,
    make_paid_service,
    make_service,
    set_minutes_until_visit,
    slot,
)
from tests.builders.notifications import deliver_all
from tests.builders.payments import make_refunds_due, payment_entity, post_webhook, webhook_event
from tests.builders.twilio import post_status_callback

INBOUND = "/notifications/twilio/inbound"
# What Razorpay and Twilio may report about a customer.
PERSONAL_FIELDS = [
    *["vpa", "name", "description", "customer_id", "token_id", "card", "bank", "wallet", "upi", "acquirer_data"],
    *["bank_account", "customer_details", "error_description", "error_reason"],
    *["issuer", "network", "account_holder", "beneficiary_name", "gateway_note", "recipient"],
]
TWILIO_FIELDS = [
    *["ProfileName", "FromCity", "FromState", "FromZip", "FromCountry", "WaId", "ButtonText", "Address", "Label"],
    *["Latitude", "Longitude", "MediaUrl0"],
]


@dataclass
class Canaries:
    """Values that occur nowhere else. ``text()`` returns a new one, to be found in logs and tables."""

    values: list[str] = field(default_factory=list)

    def text(self) -> str:
        return self.add(f"canary{uuid.uuid4().hex[:16]}")

    def email(self) -> str:
        return self.add(f"canary{uuid.uuid4().hex[:12]}@example.com")

    def phone(self) -> str:
        return self.add(f"+9198{uuid.uuid4().int % 10**8:08}")

    def add(self, value: str) -> str:
        self.values.append(value)
        return value

    def found_in(self, text: str) -> set[str]:
        """Return the canaries that ``text`` contains, also without the plus sign or percent-encoded."""
        return {value for value in self.values if value.removeprefix("+").lower() in text.lower()}


def all_rows() -> dict[str, str]:
    """Return the text of all rows of each table."""
    rows = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(row_of::text, chr(10)) FROM "{table}" row_of')
            rows[table] = cursor.fetchone()[0] or ""
    return rows


def receive_reply(sender: str, body: str, **fields: str) -> Any:
    """Post an inbound message as Twilio does."""
    form = {"MessageSid": f"SM{uuid.uuid4().hex}", "From": sender, "To": "+15005550006", "Body": body, **fields}
    signature = RequestValidator("sandbox-auth-token").compute_signature(f"http://testserver{INBOUND}", form)
    return Client().post(INBOUND, form, headers={"X-Twilio-Signature": signature})


class CustomerWithHistory:
    """A customer with a booking at the desk, one paid online and partly refunded, messages, replies, and webhooks.

    ``staff`` is a client of staff who may change customers.
    """

    def __init__(self, api: Any, staff: Client, sandbox: RunningSandbox, canaries: Canaries) -> None:
        self.api, self.staff, self.sandbox, self.canaries = api, staff, sandbox, canaries
        self.contact = {"name": canaries.text(), "phone": canaries.phone(), "email": canaries.email()}
        self.key = str(uuid.uuid4())
        self.first_request = booking_request(make_service(), customer=self.contact, notes=canaries.text())
        self.first_response = self.book()
        self.customer = Customer.objects.get()
        self.change_contact()
        self.pay_online()
        self.finish()

    def book(self) -> Any:
        headers = {"Idempotency-Key": self.key}
        return self.api.post("/bookings/", self.first_request, format="json", headers=headers)

    def change_contact(self) -> None:
        """Staff correct the customer, whose earlier address has got messages."""
        deliver_all()
        self.contact = {**self.contact, "name": self.canaries.text(), "email": self.canaries.email()}
        path = f"/admin/bookings/customer/{self.customer.pk}/change/"
        assert self.staff.post(path, self.contact).status_code == 302
        self.customer.refresh_from_db()

    def pay_online(self) -> None:
        """Book, pay, and get a part back; the gateway reports it with the data that the customer gave there."""
        request = booking_request(
            make_paid_service(), customer=self.contact, starts_at=slot(hour=12).isoformat(), notes=self.canaries.text()
        )
        response = self.api.post("/bookings/razorpay-booking", request, format="json").json()
        self.paid_booking = Booking.objects.get(pk=response["booking"]["id"])
        self.api.post(
            "/bookings/verify-payment", self.sandbox.client.pay(response["checkout"]["order_id"]), format="json"
        )
        run_due_tasks()
        self.payment = Payment.objects.get()
        personal = {name: self.canaries.text() for name in PERSONAL_FIELDS}
        entity = payment_entity(
            PaidCheckout(self.payment),
            id=self.payment.razorpay_payment_id,
            email=self.canaries.email(),
            contact=self.canaries.phone(),
            notes={"text": self.canaries.text()},
            **personal,
        )
        assert post_webhook(webhook_event("payment.captured", payment=entity)).status_code == 200
        unreadable = json.dumps({"event": 1, "payment": self.payment.razorpay_payment_id, "c": self.canaries.text()})
        assert post_webhook(unreadable.encode(), event_id="evt_2").status_code == 200
        refund_payment(
            payment_id=self.payment.pk, amount_minor=10_000, key=uuid.uuid4(), actor=DESK, reason=self.canaries.text()
        )
        make_refunds_due()
        run_due_tasks()

    def finish(self) -> None:
        """Complete the visits; all messages arrive, the customer replies, and opts out of SMS."""
        first = Booking.objects.exclude(pk=self.paid_booking.pk).get()
        record_desk_payment(
            booking_id=first.pk,
            kind=DeskPayment.Kind.TAKEN,
            method=DeskPayment.Method.CASH,
            amount_minor=50_000,
            key=uuid.uuid4(),
            actor=DESK,
            note=self.canaries.text(),
        )
        for booking in (first, self.paid_booking):
            set_minutes_until_visit(booking, -5)
            confirm_booking(booking_id=booking.pk, actor=DESK)
            complete_booking(booking_id=booking.pk, actor=DESK)
        self.settle_messages()
        for sender in (self.contact["phone"], f"whatsapp:{self.contact['phone']}"):
            receive_reply(sender, self.canaries.text(), **{name: self.canaries.text() for name in TWILIO_FIELDS})
        receive_reply(self.contact["phone"], "STOP", ProfileName=self.canaries.text())

    def settle_messages(self) -> None:
        """Send all messages; the provider reports one of them."""
        while Notification.objects.filter(status__in=["queued", "sending"]).exists():
            deliver_all()
            run_due_tasks()
        sent = Notification.objects.filter(channel="sms", status="accepted").exclude(provider_id="").first()
        assert sent is not None
        attempt = Attempt.objects.filter(notification=sent).get()
        reported = {
            name: self.canaries.text() for name in ("Body", "From", "ErrorMessage", "ChannelToAddress", "Label")
        }
        post_status_callback(
            sent, "delivered", sid=sent.provider_id, attempt_id=attempt.pk, To=sent.address, **reported
        )
        apply_receipts()


@dataclass
class PaidCheckout:
    """What ``payment_entity`` needs of a checkout."""

    payment: Payment

    @property
    def order(self) -> Any:
        return self.payment.order
