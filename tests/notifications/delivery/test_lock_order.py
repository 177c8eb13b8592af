"""Transactions that lock several rows lock them in one order, so they never deadlock."""

import threading
import time
from collections.abc import Callable
from copy import copy
from functools import partial
from uuid import uuid4

import psycopg2
import pytest
from django.db import connection, transaction

from bookings.models import Booking
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import renew_leases
from notifications.delivery.receipts import BATCH, apply_receipts
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import Topic
from notifications.models import Channel, Notification, Receipt, Suppression
from notifications.outbox import supersede_messages
from notifications.providers.base import Accepted, RecipientUnreachable
from tests.builders.bookings import make_booking

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


@pytest.fixture
def notifications():
    """A batch of notifications, each of its own booking.

    Their ids, their addresses and their rows in the table are in different orders.
    """
    booking = make_booking()
    Notification.objects.all().delete()
    bookings = Booking.objects.bulk_create(
        replace(booking, pk=uuid4(), reference=f"TEST-{number}") for number in range(BATCH)
    )
    rows = [
        Notification(
            dedupe_key=str(number),
            kind="booking_requested",
            channel=Channel.SMS,
            booking=bookings[number],
            address=f"+9198123{(number * 7919) % 100_000:05}",
        )
        for number in range(BATCH)
    ]
    return sorted(Notification.objects.bulk_create(rows), key=lambda row: row.pk)


def run_concurrently(*calls: Callable[[], object], blocked_by: Callable[[], object]) -> list[BaseException]:
    """Run the calls in threads until each waits for a lock of ``blocked_by``, then release it; return their errors.

    On a busy machine one may wait for the other longer than ``lock_timeout``: that is not counted.
    """
    errors = []

    def run(call):
        try:
            call()
        except Exception as error:
            if not isinstance(error.__cause__, psycopg2.errors.LockNotAvailable):
                errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    with transaction.atomic():
        blocked_by()
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        transaction.set_rollback(True)
    for thread in threads:
        thread.join()
    return errors


def replace(booking, **fields):
    """Return a copy of the booking with ``fields`` set."""
    booking = copy(booking)
    for name, value in fields.items():
        setattr(booking, name, value)
    return booking


def lock(notification):
    Notification.objects.select_for_update().get(pk=notification.pk)


def suppress(notification):
    Suppression.objects.create(channel=notification.channel, address=notification.address, reason="unreachable")


def store_receipts(notifications, status="undelivered"):
    Receipt.objects.bulk_create(
        Receipt(
            notification=row,
            attempt_id=row.pk,
            provider_id=f"SM{row.pk}",
            provider_status=status,
            error_code="30006",
            fields={},
        )
        for row in notifications
    )


def claim_in_descending_order():
    messages = claim_due_notifications(room=BATCH, in_flight={}, worker="test")
    return sorted(messages, key=lambda message: message.id, reverse=True)


def accept(messages):
    record_outcomes([Outcome(message, Status.ACCEPTED, Accepted(f"SM{message.id}", 201)) for message in messages])


def refuse(messages):
    record_outcomes([Outcome(message, Status.FAILED, error=RecipientUnreachable("Unknown")) for message in messages])


def test_lanes_that_apply_receipts_of_the_same_messages_do_not_deadlock(notifications):
    store_receipts(notifications, "sent")
    store_receipts(reversed(notifications))

    errors = run_concurrently(apply_receipts, apply_receipts, blocked_by=partial(lock, notifications[BATCH // 2]))

    assert errors == []


@pytest.mark.parametrize("other", ["receipts", "renewal"])
def test_outcomes_recorded_in_any_order_do_not_deadlock(notifications, other):
    messages = claim_in_descending_order()
    store_receipts(reversed(notifications))
    others = {
        "receipts": apply_receipts,
        "renewal": partial(renew_leases, [message.attempt_id for message in messages]),
    }

    errors = run_concurrently(
        partial(accept, messages), others[other], blocked_by=partial(lock, notifications[BATCH // 2])
    )

    assert errors == []


@pytest.mark.parametrize("other", ["receipts", "outcomes"])
def test_change_of_a_booking_does_not_deadlock_with_lanes(notifications, other):
    messages = claim_in_descending_order()
    store_receipts(reversed(notifications))
    booking = notifications[0].booking
    Notification.objects.update(booking=booking)
    supersede = transaction.atomic(partial(supersede_messages, booking=booking, topic=Topic.BOOKING))
    others = {"receipts": apply_receipts, "outcomes": partial(accept, messages)}

    errors = run_concurrently(supersede, others[other], blocked_by=partial(lock, notifications[BATCH // 2]))

    assert errors == []


def test_suppressions_inserted_in_any_order_do_not_deadlock(notifications):
    messages = claim_in_descending_order()
    half = BATCH // 2
    others = Notification.objects.exclude(pk__in=[message.id for message in messages[:half]])
    assert len(messages) == BATCH
    # Two batches of different messages to the same addresses.
    for row, message in zip(others, messages[:half], strict=True):
        Notification.objects.filter(pk=row.pk).update(address=message.address)
    store_receipts(Notification.objects.filter(pk__in=[row.pk for row in others]))

    errors = run_concurrently(
        partial(refuse, messages[:half]), apply_receipts, blocked_by=partial(suppress, messages[half // 2])
    )

    assert errors == []
