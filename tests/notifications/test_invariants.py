from contextlib import suppress
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings.models import BookingEvent
from bookings.operations import confirm_booking
from notifications.invariants import INVARIANTS
from notifications.models import Attempt, Notification, Receipt, Suppression
from tests.builders.bookings import DESK, make_booking, make_service
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db


def violated_invariants():
    """Run the command; return the names of the violated invariants."""
    out = StringIO()
    with suppress(CommandError):
        call_command("check_invariants", stdout=out)
    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines() if line.startswith("  ")]
    return [name.partition("  such as")[0] for count, name in lines if count != "0"]


def make_attempt(notification, outcome="", **fields):
    defaults = {"started_at": timezone.now(), "number": 1, "worker": "w", "outcome": outcome}
    return Attempt.objects.create(id=uuid4(), notification=notification, **{**defaults, **fields})


def delete_queued_message():
    make_booking()
    Notification.objects.filter(channel="sms").delete()


def blame_another_change():
    make_booking()
    BookingEvent.objects.update(kind="corrected")


def queue_reminder_with_wrong_expiry():
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.filter(kind="booking_reminder").update(expires_at=booking.ends_at)


def record_two_accepted_attempts():
    make_booking()
    for _ in range(2):
        make_attempt(Notification.objects.first(), "accepted")


def leave_attempt_open_while_unknown():
    make_booking()
    Notification.objects.filter(channel="sms").update(status="unknown", unknown_since=timezone.now())
    make_attempt(Notification.objects.get(channel="sms"))


def accept_without_provider_id():
    make_booking()
    Notification.objects.filter(channel="sms").update(status="accepted")


def leave_expired_lease():
    make_booking()
    expired = timezone.now() - timedelta(minutes=2)
    Notification.objects.filter(channel="sms").update(status="sending", lease_until=expired, lease_token=uuid4())


def leave_overdue_message():
    make_booking()
    Notification.objects.filter(channel="sms").update(due_at=timezone.now() - timedelta(minutes=6))


def leave_overdue_lookup():
    make_booking()
    long_ago = timezone.now() - timedelta(minutes=6)
    Notification.objects.filter(channel="sms").update(status="unknown", unknown_since=long_ago, due_at=long_ago)


def leave_unapplied_receipt():
    make_booking()
    Receipt.objects.create(
        notification=Notification.objects.first(),
        attempt_id=uuid4(),
        provider_id="SM1",
        provider_status="sent",
        fields={},
    )
    Receipt.objects.update(received_at=timezone.now() - timedelta(minutes=6))


def attempt_after_opt_out():
    notification = make_notification()
    Suppression.objects.create(channel="sms", address=notification.address, reason="opted_out", source="STOP")
    Suppression.objects.update(created_at=timezone.now() - timedelta(hours=1))
    make_attempt(notification)


VIOLATIONS = [
    delete_queued_message,
    blame_another_change,
    queue_reminder_with_wrong_expiry,
    record_two_accepted_attempts,
    leave_attempt_open_while_unknown,
    accept_without_provider_id,
    leave_expired_lease,
    leave_overdue_message,
    leave_overdue_lookup,
    leave_unapplied_receipt,
    attempt_after_opt_out,
]


@pytest.mark.parametrize(("name", "violate"), list(zip(INVARIANTS, VIOLATIONS, strict=True)))
def test_invariant_detects_its_violation(name, violate):
    violate()

    assert name in violated_invariants()


def test_message_of_another_kind_does_not_replace_the_expected_one():
    make_booking()
    Notification.objects.filter(channel="sms").update(kind="booking_cancelled")

    assert "Every change of a booking has its messages on each channel" in violated_invariants()


def test_check_invariants_fails_on_a_violation():
    delete_queued_message()

    with pytest.raises(CommandError, match="Violated invariants: 1"):
        call_command("check_invariants", stdout=StringIO())


def test_check_invariants_reports_nothing_on_consistent_rows():
    make_booking()

    assert violated_invariants() == []
