from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.rate_control import STEP, prepare_channels, raise_limits
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import ChannelState, Notification
from notifications.providers.base import ProviderRateLimited
from sandbox.client import ACCEPTED
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import deliver_all, make_notification

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def limit_of(channel):
    return ChannelState.objects.get(channel=channel).limit


def test_limit_of_a_rate_limited_channel_is_halved_at_most_once_a_second():
    prepare_channels()
    full_limit = limit_of("sms")
    make_notification()
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")

    for _ in range(3):
        record_outcomes([Outcome(message, Status.QUEUED, error=ProviderRateLimited("Too many requests"))])

    assert (limit_of("sms"), limit_of("email")) == (full_limit // 2, full_limit)


def test_limit_grows_by_a_step_only_after_the_growth_delay():
    prepare_channels()
    ChannelState.objects.update(limit=20, slowed_at=timezone.now())
    raise_limits()
    limit_during_delay = limit_of("sms")
    ChannelState.objects.update(slowed_at=timezone.now() - timedelta(seconds=5))

    raise_limits()

    assert (limit_during_delay, limit_of("sms")) == (20, 20 + STEP)


def test_claim_returns_at_most_the_lanes_share_of_the_limit(settings):
    prepare_channels()
    ChannelState.objects.filter(channel="sms").update(limit=3 * settings.DELIVERY_LANES)
    service = make_service(resources=5)
    for _ in range(5):
        make_booking(service)

    claimed = claim_due_notifications(room=100, in_flight={"sms": 1}, worker="w")

    by_channel = {channel: len([m for m in claimed if m.channel == channel]) for channel in Notification.Channel}
    assert by_channel == {"sms": 2, "whatsapp": 5, "email": 5}


def test_wrong_credentials_pause_the_channel_and_keep_its_messages_queued(sandbox, settings):
    settings.TWILIO_AUTH_TOKEN = "rotated"
    prepare_channels()
    service = make_service(resources=3)
    for _ in range(3):
        make_booking(service)

    deliver_all(0.4)
    deliver_all(0.4)

    state = ChannelState.objects.get(channel="sms")
    sms_messages = Notification.objects.filter(channel="sms")
    assert state.paused_until > timezone.now()
    assert "Authenticate" in state.pause_reason
    assert set(sms_messages.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    assert set(Notification.objects.filter(channel="email").values_list("status", flat=True)) == {Status.ACCEPTED}


def test_paused_channel_is_skipped_and_resumes_with_one_message(sandbox):
    prepare_channels()
    service = make_service(resources=3)
    for _ in range(3):
        make_booking(service)
    ChannelState.objects.filter(channel="sms").update(paused_until=timezone.now() + timedelta(minutes=1), limit=1)
    messages_during_pause = claim_due_notifications(room=100, in_flight={}, worker="w")
    ChannelState.objects.update(paused_until=timezone.now())

    messages_after_pause = claim_due_notifications(room=100, in_flight={}, worker="w")

    assert {message.channel for message in messages_during_pause} == {"whatsapp", "email"}
    assert [message.channel for message in messages_after_pause] == ["sms"]


def test_every_message_arrives_once_despite_a_concurrency_limit(sandbox, settings):
    prepare_channels()
    service = make_service(resources=12)
    for _ in range(12):
        make_booking(service)
    sandbox.client.set(concurrency_limit=3, message_seconds_min=0.1, message_seconds_max=0.2)

    log_length = len(sandbox.client.log())

    deliver_all(1)
    limit_under_pressure = limit_of("sms")
    for _ in range(20):
        if not Notification.objects.filter(status=Status.QUEUED).exists():
            break
        Notification.objects.filter(status=Status.QUEUED).update(due_at=timezone.now())
        deliver_all(1)

    accepted = [entry for entry in sandbox.client.log(log_length) if entry["kind"] in ACCEPTED]
    assert set(Notification.objects.values_list("status", flat=True)) == {Status.ACCEPTED}
    assert len(accepted) == Notification.objects.count() == 36
    assert limit_under_pressure < settings.LANE_CONCURRENCY * settings.DELIVERY_LANES
