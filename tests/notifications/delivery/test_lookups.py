from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.operations import reschedule_booking
from notifications.channels import CHANNELS
from notifications.delivery.lookups import claim_lookups, look_up, record_lookup
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Attempt, Channel, Notification
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.builders.notifications import deliver_all, make_notification
from tests.threads import run_concurrently

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def look_up_all():
    """Make the lookup of every message with an unknown outcome due, and run it."""
    Notification.objects.filter(status=Status.UNKNOWN).update(due_at=timezone.now())
    for lookup in claim_lookups(room=10):
        record_lookup(look_up(lookup))


def make_unknown_message(sandbox, fault, **fields):
    """Return a message whose only attempt has an unknown outcome."""
    notification = make_notification(**fields)
    sandbox.client.set(**{fault: 1, "callback_lost": 1})
    deliver_all(0.6)
    sandbox.client.reset_settings()
    notification.refresh_from_db()
    assert notification.status == Status.UNKNOWN
    return notification


def count_accepted(sandbox, notification):
    return len([entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)])


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_lookup_that_finds_the_message_marks_it_accepted(sandbox, channel):
    notification = make_unknown_message(sandbox, "error_after", channel=channel)

    look_up_all()
    deliver_all(0.6)

    notification.refresh_from_db()
    assert (notification.status, count_accepted(sandbox, notification)) == (Status.ACCEPTED, 1)
    assert notification.provider_id.startswith("SM")


def test_lookup_that_finds_nothing_twice_queues_the_message_again(sandbox):
    notification = make_unknown_message(sandbox, "error_before")

    look_up_all()
    notification.refresh_from_db()
    after_first_lookup = notification.status
    look_up_all()
    deliver_all(0.6)

    notification.refresh_from_db()
    assert (after_first_lookup, notification.status) == (Status.UNKNOWN, Status.ACCEPTED)
    assert (count_accepted(sandbox, notification), Attempt.objects.count()) == (1, 2)


def test_lookup_is_not_due_before_the_provider_has_settled(sandbox):
    notification = make_unknown_message(sandbox, "error_before")

    deliver_all(0.6)

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 0)
    assert notification.due_at > timezone.now() + timedelta(seconds=100)


def test_lookup_that_fails_changes_no_status(sandbox):
    notification = make_unknown_message(sandbox, "error_before")
    sandbox.client.set(list_error=1)

    look_up_all()
    look_up_all()
    look_up_all()

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 0)
    assert "could not be read" in notification.error


def test_lookup_that_fails_for_a_day_puts_the_message_on_hold(sandbox):
    notification = make_unknown_message(sandbox, "error_after")
    Notification.objects.update(unknown_since=timezone.now() - timedelta(hours=25))
    sandbox.client.set(list_error=1)

    look_up_all()

    notification.refresh_from_db()
    assert notification.status == Status.HELD


def test_lookup_ignores_an_older_message_with_the_same_text(sandbox):
    notification = make_unknown_message(sandbox, "error_after")
    Attempt.objects.update(started_at=timezone.now() + timedelta(minutes=10))

    look_up_all()

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 1)


def test_result_of_a_lookup_that_was_claimed_again_does_not_count(sandbox):
    notification = make_unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now())
    (lookup,) = claim_lookups(room=1)
    result = look_up(lookup)

    record_lookup(result)
    record_lookup(result)

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 1)


def test_lookup_result_does_not_overwrite_a_receipt(sandbox):
    notification = make_unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now(), looks=1)
    (lookup,) = claim_lookups(room=1)
    result = look_up(lookup)
    Notification.objects.update(status=Status.DELIVERED)

    record_lookup(result)

    notification.refresh_from_db()
    assert notification.status == Status.DELIVERED


@pytest.mark.parametrize(("resend_if_unknown", "status"), [(False, Status.HELD), (True, Status.QUEUED)])
def test_unknown_email_is_put_on_hold_or_resent_depending_on_its_kind(sandbox, monkeypatch, resend_if_unknown, status):
    spec = replace(KINDS[MessageKind.BOOKING_REQUESTED], resend_if_unknown=resend_if_unknown)
    monkeypatch.setitem(KINDS, MessageKind.BOOKING_REQUESTED, spec)
    notification = make_unknown_message(sandbox, "smtp_drop_after", channel="email")

    look_up_all()

    notification.refresh_from_db()
    assert notification.status == status


def test_unknown_email_is_resent_only_once(sandbox, monkeypatch):
    spec = replace(KINDS[MessageKind.BOOKING_REQUESTED], resend_if_unknown=True)
    monkeypatch.setitem(KINDS, MessageKind.BOOKING_REQUESTED, spec)
    notification = make_unknown_message(sandbox, "smtp_drop_after", channel="email")
    look_up_all()
    sandbox.client.set(smtp_drop_after=1)
    deliver_all(0.6)
    look_up_all()

    notification.refresh_from_db()
    emails = [entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)]
    assert (notification.status, len(emails), len({email["message_id"] for email in emails})) == (Status.HELD, 2, 1)


def test_claim_lookups_twice_returns_a_lookup_once(sandbox):
    make_unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now())

    assert [len(claim_lookups(room=10)) for _ in range(2)] == [1, 0]


def test_concurrent_claims_never_return_the_same_lookup():
    service = make_service(resources=10)
    for _ in range(10):
        make_booking(service)
    Notification.objects.update(status=Status.UNKNOWN, unknown_since=timezone.now(), due_at=timezone.now())
    claimed = []

    errors = run_concurrently([lambda: claimed.extend(claim_lookups(room=30))] * 4)

    assert errors == []
    assert len(claimed) == len({lookup.id for lookup in claimed}) == 30


def test_unexpected_error_during_a_lookup_changes_no_status(sandbox, monkeypatch):
    make_unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now())
    (lookup,) = claim_lookups(room=1)
    failing_spec = replace(CHANNELS[Channel.SMS], look_up=lambda lookup: 1 / 0)
    monkeypatch.setitem(CHANNELS, Channel.SMS, failing_spec)

    record_lookup(look_up(lookup))

    assert Notification.objects.get().status == Status.UNKNOWN


def test_lookup_does_not_take_the_message_of_another_notification_with_the_same_text(sandbox):
    booking = make_booking()
    for hour in (15, 16, 15):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=hour), actor=DESK)
        is_last = Notification.objects.filter(kind="booking_rescheduled", channel="sms").count() == 3
        sandbox.client.set(error_before=float(is_last))
        deliver_all(0.6)
    sandbox.client.reset_settings()
    first, _, last = Notification.objects.filter(channel="sms", kind="booking_rescheduled").order_by("created_at")
    assert (first.body, last.status) == (last.body, Status.UNKNOWN)

    look_up_all()
    look_up_all()
    deliver_all(0.6)

    last.refresh_from_db()
    assert (last.status in Notification.ARRIVED, count_accepted(sandbox, last)) == (True, 1)
    assert last.provider_id != first.provider_id


def test_lookup_that_finds_a_message_which_another_notification_has_just_taken_is_repeated(sandbox):
    notification = make_unknown_message(sandbox, "error_after", channel="sms")
    Notification.objects.update(due_at=timezone.now())
    (lookup,) = claim_lookups(room=10)
    result = look_up(lookup)
    other_booking = make_booking(make_service(slug="other"))
    make_notification(booking=other_booking, status=Status.ACCEPTED, provider_id=result.found.provider_id)

    record_lookup(result)

    notification.refresh_from_db()
    assert (notification.status, notification.due_at > timezone.now()) == (Status.UNKNOWN, True)
