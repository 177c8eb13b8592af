from datetime import UTC, datetime

import pytest

from notifications.channels import CHANNELS
from notifications.messages.kinds import MessageKind
from notifications.messages.render import MAX_NAME_LENGTH, Amount, render_messages
from notifications.models import Channel
from tests.builders.bookings import CUSTOMER, make_booking

pytestmark = pytest.mark.django_db

AMOUNT = Amount(50_000, "INR")


@pytest.mark.parametrize("kind", MessageKind)
def test_render_messages_yields_a_text_per_channel_and_a_subject_for_email_only(kind):
    messages = list(render_messages(kind, make_booking(), AMOUNT))

    assert [message.channel for message in messages] == list(CHANNELS)
    for message in messages:
        assert message.body
        assert bool(message.subject) == CHANNELS[message.channel].has_subject


@pytest.mark.parametrize(("hour", "offset"), [(0, "+02:00"), (1, "+01:00")])
def test_render_messages_names_the_offset_in_the_hour_that_occurs_twice(hour, offset):
    booking = make_booking()
    booking.timezone, booking.starts_at = "Europe/Berlin", datetime(2031, 10, 26, hour, 30, tzinfo=UTC)

    for message in render_messages(MessageKind.BOOKING_CONFIRMED, booking):
        assert f"Sun 26 Oct 2031, 02:30 (UTC{offset})" in message.body


def test_render_messages_puts_the_name_on_one_line():
    booking = make_booking(customer={**CUSTOMER, "name": "Eve\nYour bank asks: call +1"})

    messages = {message.channel: message for message in render_messages(MessageKind.BOOKING_REQUESTED, booking)}

    assert "Hello Eve Your bank asks: call +1, thank you" in messages[Channel.WHATSAPP].body


def test_render_messages_truncates_a_long_name():
    booking = make_booking(customer={**CUSTOMER, "name": "E" * (MAX_NAME_LENGTH + 1)})

    messages = {message.channel: message for message in render_messages(MessageKind.BOOKING_REQUESTED, booking)}

    assert f"Hello {'E' * MAX_NAME_LENGTH}, thank you" in messages[Channel.WHATSAPP].body


def test_render_messages_states_the_amount_that_the_message_is_about():
    messages = render_messages(MessageKind.REFUND_PROCESSED, make_booking(), AMOUNT)

    assert ["INR 500.00" in message.body for message in messages] == [True] * len(CHANNELS)


@pytest.mark.parametrize(
    "name", ["Win at evil.com/x", "call +91 98123 40003", "meera@example.com", "x" * 51 + " evil.com" + "munity"]
)
def test_name_with_contact_details_is_not_sent(name):
    booking = make_booking(customer={**CUSTOMER, "name": name})

    texts = [message.body for message in render_messages(MessageKind.BOOKING_CONFIRMED, booking)]

    assert [("dear customer" in text, name[:20] in text) for text in texts if "Hello" in text] == [(True, False)] * 2
