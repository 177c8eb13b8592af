"""A change of a booking or a refund supersedes the messages that it makes outdated."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import (
    accept_payment,
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    expire_hold,
    mark_no_show,
    reschedule_booking,
)
from foundation.background_tasks import run_due_tasks
from foundation.events import Actor, ActorKind
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import drop_undeliverable, take_back_expired_leases
from notifications.delivery.lookups import LookupResult, claim_lookups, record_lookup
from notifications.delivery.record import record_hand_overs, record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import MessageKind
from notifications.models import ChannelState, Notification
from notifications.operations.decide import Decision, decide_on_held
from notifications.outbox import Cause, queue_messages
from notifications.providers.base import ProviderRateLimited
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK, make_booking, make_hold, make_service, slot
from tests.builders.payments import make_captured_payment

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def statuses(booking, channel="sms"):
    """Return the status of the booking's messages on a channel, by kind."""
    rows = Notification.objects.filter(booking=booking, channel=channel).order_by("created_at")
    return [(row.kind, row.status) for row in rows]


def leave_only(channel):
    Notification.objects.exclude(channel=channel).delete()


def claim(channel="sms"):
    leave_only(channel)
    return claim_due_notifications(room=10, in_flight={}, worker="w")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (confirm_booking, "booking_confirmed"),
        (decline_booking, "booking_declined"),
        (cancel_booking, "booking_cancelled"),
    ],
)
def test_change_supersedes_the_queued_message_about_the_request(change, kind):
    booking = make_booking()

    change(booking_id=booking.pk, actor=DESK)

    assert statuses(booking) == [("booking_requested", "superseded"), (kind, "queued")]


def test_each_change_supersedes_what_the_changes_before_it_queued():
    booking = make_booking(make_service(reminder_minutes=[60]))

    confirm_booking(booking_id=booking.pk, actor=DESK)
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=2), actor=DESK)
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=3), actor=DESK)
    cancel_booking(booking_id=booking.pk, actor=DESK)

    queued = Notification.objects.filter(booking=booking, status="queued")
    assert Counter(queued.values_list("kind", flat=True)) == {"booking_cancelled": 3}
    assert Counter(statuses(booking)) == {
        ("booking_requested", "superseded"): 1,
        ("booking_confirmed", "superseded"): 1,
        ("booking_reminder", "superseded"): 3,
        ("booking_rescheduled", "superseded"): 2,
        ("booking_cancelled", "queued"): 1,
    }


def test_correction_without_a_message_supersedes_the_queued_one():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    Booking.objects.update(starts_at=timezone.now())
    complete_booking(booking_id=booking.pk, actor=DESK)

    mark_no_show(booking_id=booking.pk, actor=DESK, may_correct=True)

    assert statuses(booking)[-1] == ("booking_completed", "superseded")


def test_expired_hold_supersedes_the_message_about_its_failed_payment():
    booking = make_hold()
    queue_messages(kind=MessageKind.PAYMENT_FAILED, booking=booking, cause=Cause(f"{booking.pk} failed"))
    Booking.objects.update(hold_expires_at=timezone.now() - timedelta(seconds=1))

    expire_hold(booking_id=booking.pk, actor=Actor(ActorKind.SYSTEM))

    assert statuses(booking) == [("payment_failed", "superseded")]


def test_processed_refund_supersedes_the_message_that_it_was_requested_and_no_other(sandbox):
    payment = make_captured_payment(sandbox)
    Notification.objects.all().delete()

    first = refund_payment(payment_id=payment.pk, amount_minor=20_000, key=uuid4(), actor=DESK)
    run_due_tasks()
    second = refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    cancel_booking(booking_id=payment.booking_id, actor=DESK)

    rows = Notification.objects.filter(channel="sms")
    assert {(row.dedupe_key.split(":")[0], row.status) for row in rows if "refund" in row.kind} == {
        (f"{first.pk} refund_requested", "superseded"),
        (f"{first.pk} refund_processed", "queued"),
        (f"{second.pk} refund_requested", "queued"),
    }


def test_payment_of_a_hold_supersedes_the_message_about_the_failed_one():
    booking = make_hold()
    queue_messages(kind=MessageKind.PAYMENT_FAILED, booking=booking, cause=Cause(f"{booking.pk} failed"))

    accept_payment(booking_id=booking.pk, actor=Actor(ActorKind.GATEWAY))

    assert statuses(booking) == [("payment_failed", "superseded"), ("booking_confirmed", "queued")]


def test_change_of_one_booking_leaves_the_messages_of_another():
    service = make_service(resources=2)
    booking, other = make_booking(service), make_booking(service)

    cancel_booking(booking_id=booking.pk, actor=DESK)

    assert statuses(other) == [("booking_requested", "queued")]


@pytest.mark.parametrize("status", [Status.FAILED, Status.DEAD])
def test_message_that_failed_before_a_change_is_outdated_and_stays_failed(status):
    booking = make_booking()
    Notification.objects.update(status=status)

    cancel_booking(booking_id=booking.pk, actor=DESK)

    failed = Notification.objects.filter(status=status)
    assert (failed.count(), failed.filter(superseded_at=None).count()) == (3, 0)


# Messages in flight


def test_message_in_flight_when_outdated_is_not_sent_again_after_a_rate_limit():
    booking = make_booking()
    (message,) = claim()
    cancel_booking(booking_id=booking.pk, actor=DESK)
    leave_only("sms")

    record_outcomes([Outcome(message, Status.QUEUED, error=ProviderRateLimited("429"))])
    ChannelState.objects.update(paused_until=None)
    (next_message,) = claim()
    drop_undeliverable()

    assert statuses(booking) == [("booking_requested", "superseded"), ("booking_cancelled", "sending")]
    assert next_message.id != message.id


def test_message_in_flight_when_outdated_keeps_the_outcome_of_its_attempt():
    booking = make_booking()
    (message,) = claim()
    cancel_booking(booking_id=booking.pk, actor=DESK)

    record_outcomes([Outcome(message, Status.UNKNOWN)])
    drop_undeliverable()

    assert statuses(booking)[0] == ("booking_requested", "unknown")


def test_outdated_email_is_not_handed_over():
    booking = make_booking()
    (message,) = claim("email")

    cancel_booking(booking_id=booking.pk, actor=DESK)

    assert record_hand_overs([message.attempt_id]) == set()


def test_outdated_email_of_a_dead_worker_is_not_sent_again():
    booking = make_booking()
    claim("email")
    cancel_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.filter(status=Status.SENDING).update(lease_until=timezone.now() - timedelta(seconds=1))

    take_back_expired_leases()
    claim("email")
    drop_undeliverable()

    assert statuses(booking, "email") == [("booking_requested", "superseded"), ("booking_cancelled", "sending")]


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_outdated_message_that_the_provider_does_not_have_is_neither_sent_again_nor_held(channel):
    """Absent at Twilio would mean: send again. A mail server cannot be asked, so staff would have to decide."""
    booking = make_booking()
    leave_only(channel)
    Notification.objects.update(status=Status.UNKNOWN, unknown_since=timezone.now(), looks=1)
    cancel_booking(booking_id=booking.pk, actor=DESK)
    leave_only(channel)
    (lookup,) = claim_lookups(room=1)

    record_lookup(LookupResult(lookup))
    drop_undeliverable()

    assert statuses(booking, channel)[0] == ("booking_requested", "superseded")


def test_message_on_hold_is_superseded_and_cannot_be_sent_again():
    booking = make_booking()
    Notification.objects.update(status=Status.HELD, unknown_since=timezone.now())
    held = Notification.objects.get(channel="sms")

    cancel_booking(booking_id=booking.pk, actor=DESK)
    is_done = decide_on_held(notification_id=held.pk, decision=Decision.SEND_AGAIN, actor=DESK)

    assert (is_done, statuses(booking)[0]) == (False, ("booking_requested", "superseded"))


def test_message_that_staff_send_again_is_superseded_by_a_later_change():
    booking = make_booking()
    Notification.objects.update(status=Status.HELD, unknown_since=timezone.now())
    held = Notification.objects.get(channel="sms")
    decide_on_held(notification_id=held.pk, decision=Decision.SEND_AGAIN, actor=DESK)

    cancel_booking(booking_id=booking.pk, actor=DESK)

    assert statuses(booking)[0] == ("booking_requested", "superseded")


def test_provider_report_applies_to_a_superseded_message():
    """An earlier attempt may have been accepted after all."""
    booking = make_booking()
    cancel_booking(booking_id=booking.pk, actor=DESK)
    notification = Notification.objects.get(kind="booking_requested", channel="sms")

    assert notification.transition_to(Status.DELIVERED)
