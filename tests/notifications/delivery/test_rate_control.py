from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.rate_control import DEFAULT_STEP, prepare_channels, raise_limits
from notifications.models import Channel, ChannelState, Notification
from sandbox.client import ACCEPTED
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import deliver_all

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def limit_of(channel):
    return ChannelState.objects.get(channel=channel).limit


def make_bookings(count):
    service = make_service(resources=count)
    for _ in range(count):
        make_booking(service)


def claim(room=100, in_flight=None, lane=0):
    return claim_due_notifications(room=room, in_flight=in_flight or {}, worker="w", lane=lane)


def count_by_channel(messages):
    return {channel: len([m for m in messages if m.channel == channel]) for channel in Channel}


def test_limits_at_the_start_are_low_for_email_only(settings):
    prepare_channels()

    full_limit = settings.LANE_CONCURRENCY * settings.DELIVERY_LANES
    assert {channel: limit_of(channel) for channel in Channel} == {
        "sms": full_limit,
        "whatsapp": full_limit,
        "email": 20,
    }


def test_limit_doubles_while_it_is_used_until_the_provider_limits_our_rate():
    prepare_channels()
    make_bookings(3)
    ChannelState.objects.update(limit=4)
    claim()

    raise_limits()
    slow_start = limit_of("email")
    ChannelState.objects.update(limit=4, slowed_at=timezone.now() - timedelta(seconds=5))
    raise_limits()

    assert (slow_start, limit_of("email"), limit_of("sms")) == (8, 5, 4 + DEFAULT_STEP)


def test_limit_that_is_not_used_does_not_grow():
    prepare_channels()
    make_bookings(3)
    claim()

    for _ in range(3):
        raise_limits()

    assert limit_of("email") == 20


def test_limit_grows_only_after_the_growth_delay():
    prepare_channels()
    make_bookings(3)
    ChannelState.objects.update(limit=4, slowed_at=timezone.now())
    claim()

    raise_limits()

    assert limit_of("sms") == 4


def test_limit_never_grows_beyond_the_connections_that_the_setting_allows(settings):
    settings.EMAIL_MAX_CONNECTIONS = 3
    ChannelState.objects.create(channel="email", limit=1000)
    prepare_channels()
    limit_when_prepared = limit_of("email")
    make_bookings(5)

    claimed = [message for lane in (0, 1, 0, 1) for message in claim(lane=lane)]
    raise_limits()

    assert (limit_when_prepared, count_by_channel(claimed)["email"], limit_of("email")) == (3, 3, 3)


def test_claim_shares_what_the_limit_leaves_among_the_lanes():
    prepare_channels()
    ChannelState.objects.filter(channel="sms").update(limit=5)
    make_bookings(6)

    claimed = [count_by_channel(claim(lane=lane))["sms"] for lane in (0, 1, 0)]

    assert claimed == [3, 1, 1]


def test_limit_of_one_allows_one_message_over_all_lanes():
    prepare_channels()
    ChannelState.objects.filter(channel="sms").update(limit=1)
    make_bookings(3)

    claimed = [count_by_channel(claim(lane=lane))["sms"] for lane in (1, 0, 1, 0)]

    assert claimed == [0, 1, 0, 0]


def test_channel_that_occupies_its_share_of_the_senders_leaves_room_for_the_others(settings):
    settings.LANE_CONCURRENCY = 6
    prepare_channels()
    make_bookings(8)

    slow = count_by_channel(claim(room=6, in_flight={"email": 4, "whatsapp": 1}))

    assert slow == {"sms": 1, "whatsapp": 0, "email": 0}


def test_every_message_arrives_once_despite_a_concurrency_limit(sandbox, settings):
    prepare_channels()
    make_bookings(12)
    sandbox.client.set(concurrency_limit=3, message_seconds_min=0.1, message_seconds_max=0.2)
    log_length = len(sandbox.client.log())

    deliver_all(1)
    limit_under_pressure = limit_of("sms")
    for _ in range(20):
        if not Notification.objects.filter(status=Status.QUEUED).exists():
            break
        deliver_all(1)

    accepted = [entry for entry in sandbox.client.log(log_length) if entry["kind"] in ACCEPTED]
    assert set(Notification.objects.values_list("status", "attempts")) == {(Status.ACCEPTED, 1)}
    assert len(accepted) == Notification.objects.count() == 36
    assert limit_under_pressure < settings.LANE_CONCURRENCY * settings.DELIVERY_LANES
