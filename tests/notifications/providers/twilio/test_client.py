"""Twilio's client, against a server with scripted responses."""

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from notifications.delivery.lookups import claim_lookups, look_up, record_lookup
from notifications.models import Channel, Notification
from notifications.providers.base import OutgoingMessage, ProviderOutcomeUnknown, ProviderRateLimited
from notifications.providers.twilio.client import get_client
from notifications.providers.twilio.send import send_sms, send_whatsapp
from tests.builders.http_server import scripted_server
from tests.builders.notifications import make_notification

TOO_MANY_REQUESTS = b'{"code": 20429, "message": "Too Many Requests", "status": 429}'


@pytest.fixture
def twilio(settings):
    with scripted_server() as server:
        settings.TWILIO_API_BASE_URL = server.url
        get_client.cache_clear()
        yield server
    get_client.cache_clear()


def message(channel=Channel.SMS):
    return OutgoingMessage(uuid.uuid4(), uuid.uuid4(), 1, channel, "+919812340003", "", "Hello")


@pytest.mark.parametrize("send", [send_sms, send_whatsapp])
@pytest.mark.parametrize("body", [TOO_MANY_REQUESTS, b"<html>Too many requests</html>", b"", b"[]", b'"no"'])
@pytest.mark.parametrize(("header", "seconds"), [("30", 30), ("", None), ("soon", None)])
def test_429_is_a_rate_limit_with_the_seconds_of_retry_after(twilio, send, body, header, seconds):
    twilio.respond(429, body, Retry_After=header)

    with pytest.raises(ProviderRateLimited) as caught:
        send(message())

    assert (caught.value.http_status, caught.value.retry_after) == (429, seconds)
    assert caught.value.code == ("20429" if body == TOO_MANY_REQUESTS else "")
    assert len(twilio.requests) == 1


def test_429_without_retry_after_is_a_rate_limit(twilio):
    twilio.respond(429, TOO_MANY_REQUESTS)

    with pytest.raises(ProviderRateLimited) as caught:
        send_sms(message())

    assert (caught.value.retry_after, str(caught.value)) == (None, "Twilio: Too Many Requests")


def test_429_with_a_date_in_retry_after_is_a_rate_limit_until_then(twilio):
    date = datetime.now(UTC) + timedelta(seconds=60)
    twilio.respond(429, TOO_MANY_REQUESTS, Retry_After=format_datetime(date, usegmt=True))

    with pytest.raises(ProviderRateLimited) as caught:
        send_sms(message())

    assert 50 < caught.value.retry_after <= 60


@pytest.mark.parametrize("body", [b'{"code": 20503, "message": "Unavailable", "status": 503}', b"<html>"])
def test_503_with_retry_after_is_outcome_unknown(twilio, body):
    """Twilio may have sent the message, so it must not be sent again after the time that Retry-After names."""
    twilio.respond(503, body, Retry_After="5")

    with pytest.raises(ProviderOutcomeUnknown):
        send_sms(message())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("header", "seconds"), [("900", 900), ("5", 180), ("", 180)])
def test_lookup_that_twilio_rate_limits_is_repeated_no_sooner_than_it_asks(twilio, header, seconds):
    now = timezone.now()
    notification = make_notification(status=Notification.Status.UNKNOWN, unknown_since=now, due_at=now)
    notification.attempt_log.create(id=uuid.uuid4(), number=1, worker="w", started_at=now)
    twilio.respond(429, TOO_MANY_REQUESTS, Retry_After=header)
    (lookup,) = claim_lookups(room=1)

    record_lookup(look_up(lookup))

    notification.refresh_from_db()
    assert notification.status == Notification.Status.UNKNOWN
    assert seconds - 5 <= (notification.due_at - timezone.now()).total_seconds() <= seconds
