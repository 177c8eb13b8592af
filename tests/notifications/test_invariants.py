from contextlib import suppress
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings.operations import confirm_booking
from notifications.invariants import INVARIANTS
from notifications.models import Attempt, Notification, Receipt, Suppression
from tests.builders.bookings import DESK, make_booking, make_service
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db


def check():
    """Run the command; return the sentences that are broken."""
    out = StringIO()
    with suppress(CommandError):
        call_command("check_invariants", stdout=out)
    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines() if line.startswith("  ")]
    return [sentence.partition("  such as")[0] for count, sentence in lines if count != "0"]


def try_of(notification, outcome="", **fields):
    defaults = {"started_at": timezone.now(), "number": 1, "worker": "w", "outcome": outcome}
    return Attempt.objects.create(id=uuid4(), notification=notification, **{**defaults, **fields})


def lose_a_message():
    make_booking()
    Notification.objects.filter(channel="sms").delete()


def remind_of_what_is_off():
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.filter(kind="booking_reminder").update(expires_at=booking.ends_at)


def accept_twice():
    make_booking()
    for _ in range(2):
        try_of(Notification.objects.first(), "accepted")


def go_on_in_doubt():
    make_booking()
    Notification.objects.filter(channel="sms").update(status="unknown", unknown_since=timezone.now())
    try_of(Notification.objects.get(channel="sms"))


def forget_the_id():
    make_booking()
    Notification.objects.filter(channel="sms").update(status="accepted")


def fall_silent():
    make_booking()
    lapsed = timezone.now() - timedelta(minutes=2)
    Notification.objects.filter(channel="sms").update(status="sending", lease_until=lapsed, lease_token=uuid4())


def leave_waiting():
    make_booking()
    Notification.objects.filter(channel="sms").update(due_at=timezone.now() - timedelta(minutes=6))


def leave_in_doubt():
    make_booking()
    long_ago = timezone.now() - timedelta(minutes=6)
    Notification.objects.filter(channel="sms").update(status="unknown", unknown_since=long_ago, due_at=long_ago)


def leave_a_report():
    make_booking()
    Receipt.objects.create(
        notification=Notification.objects.first(),
        attempt_id=uuid4(),
        provider_id="SM1",
        provider_status="sent",
        fields={},
    )
    Receipt.objects.update(received_at=timezone.now() - timedelta(minutes=6))


def write_to_somebody_who_opted_out():
    notification = make_notification()
    Suppression.objects.create(channel="sms", address=notification.address, reason="opted_out", source="STOP")
    Suppression.objects.update(created_at=timezone.now() - timedelta(hours=1))
    try_of(notification)


BREACHES = [
    lose_a_message,
    remind_of_what_is_off,
    accept_twice,
    go_on_in_doubt,
    forget_the_id,
    fall_silent,
    leave_waiting,
    leave_in_doubt,
    leave_a_report,
    write_to_somebody_who_opted_out,
]


@pytest.mark.parametrize(("sentence", "breach"), list(zip(INVARIANTS, BREACHES, strict=True)))
def test_each_promise_notices_its_breach(sentence, breach):
    breach()

    assert sentence in check()


def test_a_broken_promise_ends_the_command_with_an_error():
    lose_a_message()

    with pytest.raises(CommandError, match="1 invariants are violated"):
        call_command("check_invariants", stdout=StringIO())


def test_a_healthy_system_keeps_all_of_them():
    make_booking()

    assert check() == []
