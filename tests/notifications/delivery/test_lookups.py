from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.channels import CHANNELS
from notifications.delivery.lookups import claim_lookups, look_up, record_lookup
from notifications.messages.kinds import KINDS, KindSpec, MessageKind
from notifications.models import Attempt, Channel, Notification
from tests.builders.notifications import deliver_all, make_notification

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def look():
    """Make the lookup of every unknown message due."""
    Notification.objects.filter(status=Status.UNKNOWN).update(due_at=timezone.now())
    for doubt in claim_lookups(room=10):
        record_lookup(look_up(doubt))


def unknown_message(sandbox, fault, **fields):
    """A message whose only attempt has an unknown outcome."""
    notification = make_notification(**fields)
    sandbox.client.set(**{fault: 1, "callback_lost": 1})
    deliver_all(0.6)
    sandbox.client.reset_settings()
    notification.refresh_from_db()
    assert notification.status == Status.UNKNOWN
    return notification


def accepts(sandbox, notification):
    return len([entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)])


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_what_the_provider_has_is_accepted_and_not_sent_again(sandbox, channel):
    notification = unknown_message(sandbox, "error_after", channel=channel)

    look()
    deliver_all(0.6)

    notification.refresh_from_db()
    assert (notification.status, accepts(sandbox, notification)) == (Status.ACCEPTED, 1)
    assert notification.provider_id.startswith("SM")


def test_what_the_provider_has_not_is_sent_again_after_a_second_look(sandbox):
    notification = unknown_message(sandbox, "error_before")

    look()
    notification.refresh_from_db()
    after_one_look = notification.status
    look()
    deliver_all(0.6)

    notification.refresh_from_db()
    assert (after_one_look, notification.status) == (Status.UNKNOWN, Status.ACCEPTED)
    assert (accepts(sandbox, notification), Attempt.objects.count()) == (1, 2)


def test_no_look_is_taken_before_the_provider_has_settled(sandbox):
    notification = unknown_message(sandbox, "error_before")

    deliver_all(0.6)

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 0)
    assert notification.due_at > timezone.now() + timedelta(seconds=100)


def test_a_list_that_cannot_be_read_decides_nothing(sandbox):
    notification = unknown_message(sandbox, "error_before")
    sandbox.client.set(list_error=1)

    look()
    look()
    look()

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 0)
    assert "could not be read" in notification.error


def test_lookup_without_result_for_a_day_puts_the_message_on_hold(sandbox):
    notification = unknown_message(sandbox, "error_after")
    Notification.objects.update(unknown_since=timezone.now() - timedelta(hours=25))
    sandbox.client.set(list_error=1)

    look()

    notification.refresh_from_db()
    assert notification.status == Status.HELD


def test_an_old_message_with_the_same_words_is_not_mistaken_for_it(sandbox):
    notification = unknown_message(sandbox, "error_after")
    Attempt.objects.update(started_at=timezone.now() + timedelta(minutes=10))

    look()

    notification.refresh_from_db()
    assert (notification.status, notification.looks) == (Status.UNKNOWN, 1)


def test_a_report_that_comes_during_the_look_wins(sandbox):
    notification = unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now(), looks=1)
    (doubt,) = claim_lookups(room=1)
    result = look_up(doubt)
    Notification.objects.update(status=Status.DELIVERED)

    record_lookup(result)

    notification.refresh_from_db()
    assert notification.status == Status.DELIVERED


@pytest.mark.parametrize(("resend_if_unknown", "status"), [(False, Status.HELD), (True, Status.QUEUED)])
def test_unknown_email_is_put_on_hold_or_resent_as_its_kind_says(sandbox, monkeypatch, resend_if_unknown, status):
    kind = KindSpec(expires_at=lambda booking: booking.ends_at, resend_if_unknown=resend_if_unknown)
    monkeypatch.setitem(KINDS, MessageKind.BOOKING_REQUESTED, kind)
    notification = unknown_message(sandbox, "smtp_drop_after", channel="email")

    look()

    notification.refresh_from_db()
    assert notification.status == status


def test_an_email_is_sent_once_more_only_once(sandbox, monkeypatch):
    kind = KindSpec(expires_at=lambda booking: booking.ends_at, resend_if_unknown=True)
    monkeypatch.setitem(KINDS, MessageKind.BOOKING_REQUESTED, kind)
    notification = unknown_message(sandbox, "smtp_drop_after", channel="email")
    look()
    sandbox.client.set(smtp_drop_after=1)
    deliver_all(0.6)
    look()

    notification.refresh_from_db()
    mails = [entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)]
    assert (notification.status, len(mails), len({mail["message_id"] for mail in mails})) == (Status.HELD, 2, 1)


def test_concurrent_lanes_never_claim_the_same_lookup(sandbox):
    unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now())

    assert [len(claim_lookups(room=10)) for _ in range(2)] == [1, 0]


def test_a_bug_in_a_look_up_decides_nothing(sandbox, monkeypatch):
    unknown_message(sandbox, "error_before")
    Notification.objects.update(due_at=timezone.now())
    (doubt,) = claim_lookups(room=1)
    broken = replace(CHANNELS[Channel.SMS], look_up=lambda lookup: 1 / 0)
    monkeypatch.setitem(CHANNELS, Channel.SMS, broken)

    record_lookup(look_up(doubt))

    assert Notification.objects.get().status == Status.UNKNOWN
