from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from bookings.models import BookingEvent
from bookings.operations import confirm_booking
from notifications.jobs import prepare_lanes
from notifications.models import ChannelState, Notification, OffPeriod
from notifications.operations.off_periods import log_channels_off, record_off_periods
from notifications.operations.resend import NotResendable, resend_notification
from tests.builders.bookings import DESK, make_booking, make_service
from tests.builders.notifications import deliver_all, make_notification
from tests.invariants import violated_invariants
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

PROVIDER_SETTINGS = [
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_SMS_FROM",
    "TWILIO_WHATSAPP_FROM",
    "EMAIL_URL",
]
MISSING_MESSAGES = "Every change of a booking has its messages on each channel"
OVERDUE = "Due messages are sent within five minutes"


@pytest.fixture
def no_providers(settings):
    for name in PROVIDER_SETTINGS:
        setattr(settings, name, "")


def channels():
    return sorted(set(Notification.objects.values_list("channel", flat=True)))


def move_events(by):
    for event in BookingEvent.objects.all():
        BookingEvent.objects.filter(pk=event.pk).update(at=event.at + by)


def test_channel_that_is_switched_off_gets_no_rows(settings):
    settings.CHANNELS_OFF = ["whatsapp"]

    confirm_booking(booking_id=make_booking(make_service(reminder_minutes=[120])).pk, actor=DESK)

    assert channels() == ["email", "sms"]


def test_installation_without_providers_books_and_writes_no_messages(no_providers):
    booking = make_booking(make_service(reminder_minutes=[120]))
    prepare_lanes()  # a worker starts

    confirm_booking(booking_id=booking.pk, actor=DESK)
    deliver_all(0.2)

    booking.refresh_from_db()
    assert (booking.status, Notification.objects.count()) == ("confirmed", 0)
    assert violated_invariants() == set()


def test_off_period_begins_when_the_channel_is_switched_off_and_ends_when_it_is_on_again(settings):
    make_booking()
    before = timezone.now()

    settings.CHANNELS_OFF = ["sms", "email"]
    record_off_periods()
    record_off_periods()
    settings.CHANNELS_OFF = ["sms"]
    record_off_periods()
    record_off_periods()

    periods = {period.channel: period for period in OffPeriod.objects.all()}
    assert (len(periods), OffPeriod.objects.count()) == (2, 2)
    assert (periods["sms"].until, periods["sms"].reason) == (None, "is switched off (CHANNELS_OFF)")
    assert before < periods["email"].since < periods["email"].until < timezone.now()


def test_channel_without_any_message_was_never_in_use(no_providers):
    """The web server may have served bookings before a worker first started and recorded the period."""
    make_booking()
    move_events(-timedelta(days=1))

    record_off_periods()

    assert violated_invariants() == set()


def test_off_periods_recorded_concurrently_exist_once(no_providers):
    assert run_concurrently([record_off_periods] * 8) == []

    assert OffPeriod.objects.count() == 3


def test_channel_has_at_most_one_open_off_period():
    OffPeriod.objects.create(channel="sms", reason="is switched off", since=timezone.now())

    with pytest.raises(IntegrityError):
        OffPeriod.objects.create(channel="sms", reason="is not configured", since=timezone.now())


@pytest.mark.parametrize(
    ("since", "until", "is_violated"),
    [
        (-60, None, False),
        (-60, 60, False),
        (-60, -4, False),  # the web server may restart some minutes before or after the worker
        (4, None, False),
        (-60, -6, True),
        (6, None, True),
        (6, 60, True),
    ],
)
def test_change_needs_messages_on_the_channels_in_use_at_its_time(since, until, is_violated):
    make_booking()
    Notification.objects.filter(channel="whatsapp").delete()
    now = timezone.now()
    OffPeriod.objects.create(
        channel="whatsapp",
        reason="is switched off",
        since=now + timedelta(minutes=since),
        until=until and now + timedelta(minutes=until),
    )

    assert (MISSING_MESSAGES in violated_invariants()) == is_violated


def test_off_period_of_one_channel_does_not_excuse_missing_messages_of_another():
    make_booking()
    Notification.objects.filter(channel="sms").delete()
    OffPeriod.objects.create(channel="whatsapp", reason="is switched off", since=timezone.now() - timedelta(hours=1))

    assert MISSING_MESSAGES in violated_invariants()


def test_queued_message_waits_while_its_channel_is_off_and_is_sent_when_it_is_on_again(sandbox, settings):
    notification = make_notification(due_at=timezone.now() - timedelta(minutes=10))
    settings.CHANNELS_OFF = ["sms"]
    record_off_periods()
    deliver_all(0.3)
    notification.refresh_from_db()
    while_off, violated_while_off = (notification.status, notification.attempts), violated_invariants()

    settings.CHANNELS_OFF = []
    record_off_periods()
    violated_when_on = violated_invariants() - {MISSING_MESSAGES}
    deliver_all(0.5)

    notification.refresh_from_db()
    assert while_off == ("queued", 0)
    assert violated_while_off <= {MISSING_MESSAGES}
    assert violated_when_on == {OVERDUE}
    assert (notification.status, notification.attempts) == ("accepted", 1)


def test_queued_message_expires_at_its_time_while_its_channel_is_off(settings):
    notification = make_notification(expires_at=timezone.now() - timedelta(seconds=1))
    settings.CHANNELS_OFF = ["sms"]

    deliver_all(0.3)

    notification.refresh_from_db()
    assert notification.status == "expired"


def test_paused_channel_that_is_switched_off_gets_no_probe(sandbox, settings):
    notification = make_notification()
    prepare_lanes()
    ChannelState.objects.filter(channel="sms").update(
        paused_since=timezone.now() - timedelta(minutes=5),
        paused_until=timezone.now() - timedelta(minutes=1),
        pause_cause="unavailable",
        failures=3,
    )
    settings.CHANNELS_OFF = ["sms"]

    deliver_all(0.3)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == ("queued", 0)


def test_failed_message_cannot_be_sent_again_while_its_channel_is_off(settings):
    notification = make_notification(status="failed")
    settings.CHANNELS_OFF = ["sms"]

    with pytest.raises(NotResendable, match="SMS is switched off"):
        resend_notification(notification_id=notification.pk, actor=DESK)


def test_channels_that_are_off_are_logged(settings, caplog):
    settings.CHANNELS_OFF, settings.TWILIO_WHATSAPP_FROM = ["email"], ""

    log_channels_off()

    assert [record.getMessage() for record in caplog.records] == [
        "WhatsApp is not configured (TWILIO_WHATSAPP_FROM is missing), so no messages are queued for it.",
        "E-mail is switched off (CHANNELS_OFF), so no messages are queued for it.",
    ]


def test_nothing_is_logged_while_every_channel_is_in_use(caplog):

    log_channels_off()

    assert caplog.records == []


def test_installation_without_channels_logs_an_error(no_providers, caplog):

    log_channels_off()

    assert caplog.records[-1].levelname == "ERROR"
    assert "Customers get no messages at all" in caplog.records[-1].getMessage()
