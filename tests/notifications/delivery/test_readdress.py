"""Messages go to the address that the customer has when they are sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bookings.models import Customer
from bookings.operations import confirm_booking, update_customer
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.lookups import LookupResult, claim_lookups, record_lookup
from notifications.delivery.receipts import apply_receipts
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Attempt, Notification, Suppression
from notifications.operations.decide import Decision, decide_on_held
from notifications.operations.suppressions import suppress
from notifications.providers.base import ProviderNotSent, ProviderOutcomeUnknown
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service, slot
from tests.builders.notifications import make_notification
from tests.builders.twilio import post_status_callback
from tests.threads import is_waiting_for_lock, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status
OLD, NEW, LANDLINE = CUSTOMER["phone"], "+919812340009", "+912223456789"


def change_phone(booking, phone=NEW):
    customer = Customer.objects.get(pk=booking.customer_id)
    customer.phone = phone
    update_customer(customer=customer)


def claim():
    return claim_due_notifications(room=10, in_flight={}, worker="w")


def return_from_flight(notification):
    (message,) = claim()
    change_phone(notification.booking)
    record_outcomes([Outcome(message, Status.QUEUED, error=ProviderNotSent("Later."), retry_in=0.0)])


def return_from_unknown(notification, phone=NEW):
    (message,) = claim()
    record_outcomes([Outcome(message, Status.UNKNOWN, error=ProviderOutcomeUnknown("Lost."))])
    change_phone(notification.booking, phone)
    for _ in range(2):
        Notification.objects.update(due_at=timezone.now())
        (lookup,) = claim_lookups(room=1)
        assert lookup.address == OLD
        record_lookup(LookupResult(lookup))


def return_from_hold(notification):
    Notification.objects.update(status=Status.HELD)
    change_phone(notification.booking)
    decide_on_held(notification_id=notification.pk, decision=Decision.SEND_AGAIN, actor=DESK)


RETURNS = [return_from_flight, return_from_unknown, return_from_hold]


@pytest.mark.parametrize("return_to_queue", RETURNS)
def test_message_that_returns_to_the_queue_is_sent_to_the_current_address(return_to_queue):
    notification = make_notification()

    return_to_queue(notification)
    (message,) = claim()

    notification.refresh_from_db()
    addresses = (message.address, notification.address, Attempt.objects.get(pk=message.attempt_id).address)
    assert addresses == (NEW, NEW, NEW)


@pytest.mark.parametrize(
    ("phone", "reason"), [(NEW, "Suppressed address: Replied STOP"), (LANDLINE, "A landline cannot receive SMS")]
)
def test_message_is_not_sent_to_a_current_address_that_has_opted_out_or_cannot_receive_it(phone, reason):
    notification = make_notification()
    suppress(channel="sms", address=NEW, reason=Suppression.Reason.OPTED_OUT, source="Replied STOP")

    return_from_unknown(notification, phone)
    messages = claim()

    notification.refresh_from_db()
    assert (messages, notification.status, notification.address) == ([], Status.SKIPPED, phone)
    assert reason in notification.error


def test_message_on_hold_whose_old_number_opted_out_is_sent_to_the_current_one():
    notification = make_notification()
    suppress(channel="sms", address=OLD, reason=Suppression.Reason.OPTED_OUT, source="Replied STOP")

    return_from_hold(notification)
    (message,) = claim()

    assert message.address == NEW


def test_messages_of_a_change_that_commits_during_the_update_go_to_the_current_address():
    booking = make_booking(make_service(reminder_minutes=[60]), starts_at=slot(days=3))

    def change_in_another_session():
        change_phone(booking)
        connection.close()

    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            confirm_booking(booking_id=booking.pk, actor=DESK)
            change = executor.submit(change_in_another_session)
            wait_until(is_waiting_for_lock)
        change.result(10)
    Notification.objects.filter(channel="sms", status=Status.QUEUED).update(due_at=timezone.now())
    messages = claim() + claim()

    assert {message.address for message in messages if message.channel == "sms"} == {NEW}


def test_late_receipt_suppresses_the_address_of_its_attempt():
    notification = make_notification()
    return_from_unknown(notification)
    first = Attempt.objects.get()
    claim()

    post_status_callback(notification, "undelivered", sid="SM1", attempt_id=first.pk, ErrorCode="30005")
    apply_receipts()

    assert [row.address for row in Suppression.objects.all()] == [OLD]
