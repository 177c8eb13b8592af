"""Requests to Twilio, judged by Twilio's own OpenAPI document."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from twilio.base.exceptions import TwilioException, TwilioRestException

from notifications.channels import CHANNELS
from notifications.messages.kinds import MessageKind
from notifications.messages.render import render_messages
from notifications.models import Channel, Notification
from notifications.providers.base import Accepted, OutgoingMessage, PendingLookup, ProviderError
from notifications.providers.twilio import lookup
from notifications.providers.twilio.client import get_client
from tests.builders.bookings import CUSTOMER, make_booking
from tests.builders.notifications import deliver_all, make_notification
from tests.peers.prism import TWILIO_DOCUMENT, running_prism

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

SENDERS = {
    "number": {"TWILIO_SMS_FROM": "+15005550006", "TWILIO_MESSAGING_SERVICE_SID": ""},
    "alphanumeric sender": {"TWILIO_SMS_FROM": "DAYBOOK", "TWILIO_MESSAGING_SERVICE_SID": ""},
    "messaging service": {"TWILIO_SMS_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0f" * 16},
    "both": {"TWILIO_SMS_FROM": "+15005550006", "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0f" * 16},
}
TWILIO_CHANNELS = [Channel.SMS, Channel.WHATSAPP]


@pytest.fixture(scope="module")
def prism_address():
    with running_prism(TWILIO_DOCUMENT) as address:
        yield address


@pytest.fixture
def twilio(prism_address, settings):
    """The settings of this process, so that it sends its requests to Prism."""
    settings.TWILIO_API_BASE_URL = prism_address
    settings.PUBLIC_BASE_URL = "https://booking.example.com"
    get_client.cache_clear()
    yield settings
    get_client.cache_clear()


def outgoing(channel, **fields):
    defaults = {"attempts": 1, "channel": channel, "address": CUSTOMER["phone"], "subject": "", "body": "Hello"}
    return OutgoingMessage(**{"id": uuid4(), "attempt_id": uuid4(), **defaults, **fields})


def send(message):
    return CHANNELS[message.channel].send(message, may_hand_over=lambda: True)


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize("channel", TWILIO_CHANNELS)
def test_twilio_accepts_messages_of_every_kind(twilio, channel, sender):
    for name, value in sender.items():
        setattr(twilio, name, value)
    booking = make_booking(customer={**CUSTOMER, "name": "Zoë & 日本 +%"})
    bodies = [
        message.body for kind in MessageKind for message in render_messages(kind, booking) if message.channel == channel
    ]

    receipts = [send(outgoing(channel, body=body)) for body in bodies]

    assert len(bodies) == len(MessageKind)
    assert {type(receipt) for receipt in receipts} == {Accepted}


@pytest.mark.parametrize("channel", TWILIO_CHANNELS)
def test_queued_message_is_accepted_by_twilio(twilio, channel):
    notification = make_notification(channel=channel)

    deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error) == (Notification.Status.ACCEPTED, "")
    assert notification.provider_id.startswith(("SM", "MM"))


@pytest.mark.parametrize("channel", TWILIO_CHANNELS)
def test_twilio_accepts_every_lookup(twilio, monkeypatch, channel):
    monkeypatch.setattr(lookup, "MAX_LISTED", 4)  # Prism responds with pages of two, and each has a next page
    pending = PendingLookup(
        id=uuid4(),
        channel=channel,
        kind=MessageKind.BOOKING_CONFIRMED,
        address=CUSTOMER["phone"],
        body="Hello",
        lookups=0,
        first_attempt_at=timezone.now() - timedelta(hours=1),
        is_overdue=False,
    )

    assert CHANNELS[channel].look_up(pending) is None


WRONG_REQUESTS = {
    "account": {"TWILIO_ACCOUNT_SID": "account"},
    "callback": {"PUBLIC_BASE_URL": "not a URL"},
    "messaging service": {"TWILIO_MESSAGING_SERVICE_SID": "MG0"},
}


@pytest.mark.parametrize("wrong_settings", WRONG_REQUESTS.values(), ids=WRONG_REQUESTS)
def test_twilio_refuses_a_wrong_request(twilio, wrong_settings):
    for name, value in wrong_settings.items():
        setattr(twilio, name, value)

    with pytest.raises(ProviderError) as refusal:
        send(outgoing(Channel.SMS))

    assert refusal.value.http_status == 422


@pytest.mark.parametrize(
    "fields", [{"validity_period": "soon"}, {"content_sid": "HX1"}, {"from_": None, "schedule_type": "later"}]
)
def test_twilio_refuses_a_wrong_field(twilio, fields):
    with pytest.raises(TwilioRestException) as refusal:
        get_client().messages.create(**{"to": CUSTOMER["phone"], "from_": "+15005550006", "body": "Hello", **fields})

    assert refusal.value.status == 422


def test_twilio_refuses_a_wrong_lookup(twilio):
    with pytest.raises(TwilioException, match="must be <= 1000"):
        get_client().messages.list(to=CUSTOMER["phone"], page_size=5000, limit=1)
