import uuid
from threading import Event

import pytest
from django.db import transaction
from django.utils import timezone

from bookings.exceptions import ErasureRefused
from bookings.models import Booking, Customer, IdempotencyKey
from bookings.operations import cancel_booking, erase_customer, erase_late_arrivals, update_customer
from bookings.operations.customer_limits import lock_customer
from notifications.models import ErasedOptOut, InboundMessage, Notification, Receipt, Suppression
from payments.models import GatewayEvent, Payment
from payments.operations import refund_payment
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service, slot
from tests.builders.payments import make_captured_payment, payment_entity, post_webhook, webhook_event
from tests.builders.personal_data import PaidCheckout, receive_reply
from tests.builders.twilio import post_status_callback
from tests.threads import is_waiting_for_lock, run_concurrently, run_while_locked, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = CUSTOMER["phone"]


def make_closed_booking(**fields):
    """Return a cancelled booking whose messages have been sent or superseded."""
    booking = make_booking(**fields)
    cancel_booking(booking_id=booking.pk, actor=DESK)
    settle_messages()
    return booking


def settle_messages():
    Notification.objects.filter(status="queued").update(status="delivered")


def refusal(customer):
    with pytest.raises(ErasureRefused) as refused:
        erase_customer(customer_id=customer.pk)
    return str(refused.value)


def suppressed():
    return list(Suppression.objects.order_by("channel").values_list("channel", "address"))


def test_erase_twice_changes_nothing_more():
    customer = make_closed_booking(notes="Bring the report").customer

    first = erase_customer(customer_id=customer.pk)
    second = erase_customer(customer_id=customer.pk)

    assert (first.name, first.phone, first.email) == (f"Erased customer {customer.pk}", "", "")
    assert (second.name, second.erased_at) == (first.name, first.erased_at)
    assert Booking.objects.get().notes == ""


def test_erase_leaves_other_customers_alone():
    service = make_service(resources=2)
    other = {**CUSTOMER, "name": "Asha Iyer"}
    erased, unrelated = make_closed_booking(service=service), make_closed_booking(service=service, customer=other)

    erase_customer(customer_id=erased.customer_id)

    unrelated.customer.refresh_from_db()
    assert (unrelated.customer.name, unrelated.customer.phone) == ("Asha Iyer", PHONE)
    addresses = Notification.objects.filter(booking=unrelated, channel="sms").values_list("address", flat=True)
    assert set(addresses) == {PHONE}


def test_erase_is_refused_while_a_visit_is_open():
    booking = make_booking()
    settle_messages()

    assert refusal(booking.customer) == f"Booking {booking.reference} is pending. Complete or cancel it first."
    booking.customer.refresh_from_db()
    assert booking.customer.name == CUSTOMER["name"]


@pytest.mark.parametrize("status", ["queued", "unknown", "held"])
def test_erase_is_refused_while_a_message_is_pending(status):
    booking = make_closed_booking()
    Notification.objects.filter(channel="sms", kind="booking_cancelled").update(
        status=status, unknown_since=timezone.now()
    )

    assert f"of booking {booking.reference} is" in refusal(booking.customer)


def test_erase_is_refused_while_a_payment_refund_or_dispute_is_open(sandbox):
    payment = make_captured_payment(sandbox)
    cancel_booking(booking_id=payment.booking_id, actor=DESK)  # by staff: the payment needs a review
    settle_messages()
    customer = payment.booking.customer
    reasons = [refusal(customer)]
    Payment.objects.update(disposition="closed")
    payment.refunds.create(amount_minor=1, currency="INR", source="staff", requested_by="desk", reason="Because")
    reasons.append(refusal(customer))
    payment.refunds.update(state="failed")
    now = timezone.now()
    dispute = {"amount_minor": 1, "currency": "INR", "phase": "fraud", "state": "open"}
    payment.disputes.create(razorpay_dispute_id="disp_1", opened_at=now, reported_at=now, **dispute)
    reasons.append(refusal(customer))
    payment.disputes.update(state="won", decided_at=now)
    payment.order.__class__.objects.update(next_check_at=now)
    reasons.append(refusal(customer))
    payment.order.__class__.objects.update(next_check_at=None)
    post_webhook(webhook_event("payment.captured", payment=payment_entity(PaidCheckout(payment))))
    reasons.append(refusal(customer))
    GatewayEvent.objects.update(next_try_at=None)

    assert [reason.partition(" ")[0] for reason in reasons] == ["Payment", "Refund", "Dispute", "Order", "A"]
    assert erase_customer(customer_id=customer.pk).phone == ""


def test_erase_while_a_booking_of_the_customer_arrives_is_refused():
    service = make_service(resources=2)
    customer = make_closed_booking(service=service).customer
    has_lock = Event()

    def book():
        with transaction.atomic():
            lock_customer(CUSTOMER)
            has_lock.set()
            wait_until(is_waiting_for_lock)
            make_booking(service, starts_at=slot(hour=12))
            settle_messages()

    def erase():
        assert has_lock.wait(15)
        refusal(customer)

    assert run_concurrently([book, erase]) == []
    assert Customer.objects.get().name == CUSTOMER["name"]


def test_booking_that_waits_for_an_erasure_belongs_to_a_new_customer():
    service = make_service(resources=2)
    customer = make_closed_booking(service=service).customer
    receive_reply(PHONE, "STOP")
    is_erased = Event()

    def erase():
        with transaction.atomic():
            erase_customer(customer_id=customer.pk)
            is_erased.set()
            wait_until(is_waiting_for_lock)

    def book():
        assert is_erased.wait(15)
        make_booking(service, starts_at=slot(hour=12))

    assert run_concurrently([erase, book]) == []
    new = Booking.objects.exclude(customer=customer).get().customer
    assert (new.name, new.phone) == (CUSTOMER["name"], PHONE)
    assert suppressed() == [("sms", PHONE)]


def test_erase_while_a_refund_is_requested_is_refused(sandbox):
    payment = make_captured_payment(sandbox)
    settle_messages()
    Booking.objects.update(status="completed")
    payment.order.__class__.objects.update(next_check_at=None)

    def request_refund():
        refund_payment(payment_id=payment.pk, amount_minor=100, key=uuid.uuid4(), actor=DESK, reason="Because")
        settle_messages()

    errors = run_while_locked(
        Booking.objects.all(), request_refund, lambda: erase_customer(customer_id=payment.booking.customer_id)
    )

    assert [type(error) for error in errors] == [ErasureRefused]
    assert Customer.objects.get().name == CUSTOMER["name"]


def test_erase_while_staff_change_the_customer_erases_the_change():
    customer = make_closed_booking().customer
    receive_reply("+919812340009", "My name is Asha")

    def change():
        customer.name, customer.phone = "Asha Iyer", "+919812340009"
        update_customer(customer=customer)

    errors = run_while_locked(Customer.objects.all(), change, lambda: erase_customer(customer_id=customer.pk))

    assert errors == []
    assert Customer.objects.get().name == f"Erased customer {customer.pk}"
    assert InboundMessage.objects.get().body == ""


def test_interrupted_request_of_an_erased_customer_is_not_resumed():
    booking = make_closed_booking()
    key = IdempotencyKey.objects.create(scope="s", key_hash="k", fingerprint="f", booking=booking, locked_until=slot())

    erase_customer(customer_id=booking.customer_id)

    key.refresh_from_db()
    assert (key.status, key.body) == (410, "")


def test_late_webhook_and_receipt_of_an_erased_customer_are_erased(sandbox):
    payment = make_captured_payment(sandbox)
    settle_messages()
    Booking.objects.update(status="completed")
    payment.order.__class__.objects.update(next_check_at=None)
    erase_customer(customer_id=payment.booking.customer_id)
    entity = payment_entity(PaidCheckout(payment), id=payment.razorpay_payment_id, contact=PHONE)
    post_webhook(webhook_event("payment.captured", payment=entity))
    post_status_callback(Notification.objects.filter(channel="sms")[0], "delivered", To=PHONE)
    stored = [PHONE in str(row) for row in (*GatewayEvent.objects.values(), *Receipt.objects.values())]

    erase_late_arrivals()

    assert stored == [True, True]
    assert (GatewayEvent.objects.get().body, Receipt.objects.get().fields) == (None, {})


@pytest.mark.parametrize(("seconds", "erased"), [(10, 1), (0, 0)])
def test_erasing_late_arrivals_leaves_time_for_the_other_purges(monkeypatch, seconds, erased):
    erase_customer(customer_id=make_closed_booking(service=make_service()).customer_id)
    monkeypatch.setattr("bookings.operations.erasure.MAX_SECONDS", seconds)

    assert erase_late_arrivals() == erased


@pytest.mark.parametrize("secret_key", [None, "a-new-key-after-a-rotation-" * 3])
def test_opt_out_survives_the_erasure_and_a_new_secret_key(settings, secret_key):
    service = make_service()
    customer = make_closed_booking(service=service).customer
    receive_reply(PHONE, "STOP now" if secret_key is None else "STOP", OptOutType="STOP")
    erase_customer(customer_id=customer.pk)
    after_erasure = suppressed()
    settings.SECRET_KEY = secret_key or settings.SECRET_KEY

    make_booking(service, starts_at=slot(hour=12))

    assert (after_erasure, suppressed()) == ([], [("sms", PHONE)])
    assert PHONE not in str(list(ErasedOptOut.objects.values()))


def test_start_lifts_an_erased_opt_out():
    service = make_service()
    customer = make_closed_booking(service=service).customer
    receive_reply(PHONE, "STOP")
    erase_customer(customer_id=customer.pk)

    receive_reply(PHONE, "START")
    make_booking(service, starts_at=slot(hour=12))

    assert suppressed() == []


def test_opt_out_of_an_address_that_another_customer_has_stays():
    service = make_service(resources=2)
    make_closed_booking(service=service, customer={**CUSTOMER, "name": "Asha Iyer"})
    customer = make_closed_booking(service=service).customer
    receive_reply(PHONE, "STOP")

    erase_customer(customer_id=customer.pk)

    assert suppressed() == [("sms", PHONE)]


def test_reply_in_the_earlier_form_of_whatsapp_is_erased():
    customer = make_closed_booking(customer={**CUSTOMER, "phone": "+5511987654321"}).customer
    receive_reply("whatsapp:+551187654321", "My name is Meera")

    erase_customer(customer_id=customer.pk)

    assert (InboundMessage.objects.get().address, InboundMessage.objects.get().body) == ("", "")
