"""Render messages from ``templates/notifications/messages/<kind>/``, which has one template per channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string

from bookings.models import Booking, Customer
from foundation.contact_details import contains_contact_details
from foundation.money import format_money
from foundation.timezones import format_local_time
from notifications.channels import CHANNELS, channels_in_use
from notifications.messages.kinds import MessageKind
from notifications.models import Channel

MAX_NAME_LENGTH = 60
NEUTRAL_NAME = "dear customer"


class Amount(NamedTuple):
    """An amount in minor units, and its currency."""

    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Message:
    """A rendered message to one address. Only e-mail has a ``subject``."""

    channel: Channel
    address: str
    subject: str
    body: str


def render_messages(kind: MessageKind, booking: Booking, amount: Amount | None = None) -> Iterator[Message]:
    """Yield the message for the booking's customer, one per channel in use.

    ``amount`` defaults to the amount due online.
    """
    for channel in channels_in_use():
        yield render_message(kind, channel, booking, amount)


def render_message(kind: MessageKind, channel: Channel, booking: Booking, amount: Amount | None = None) -> Message:
    """Return the message for the booking's customer on this channel, with current data."""
    spec = CHANNELS[channel]
    context = _context(booking, amount or Amount(booking.due_online_minor, booking.currency))
    text = render_to_string(f"notifications/messages/{kind.value}/{spec.template}", context).strip()
    subject, body = "", text
    if spec.has_subject:
        first_line, _, rest = text.partition("\n")
        subject, body = first_line.removeprefix("Subject: "), rest.strip()
    return Message(channel, spec.address_of(booking.customer), subject, body)


def unrendered_messages(booking: Booking) -> Iterator[Message]:
    """Yield a message without a text for the booking's customer, one per channel in use, to be rendered when sent."""
    for channel, spec in channels_in_use().items():
        yield Message(channel, spec.address_of(booking.customer), subject="", body="")


def _name_of(customer: Customer) -> str:
    """Return how a message addresses the customer.

    Callers enter any name for any address: it must not pass for text from the business, nor carry a link.
    """
    name = " ".join(customer.name.split())[:MAX_NAME_LENGTH]
    return NEUTRAL_NAME if contains_contact_details(name) else name


def _context(booking: Booking, amount: Amount) -> dict[str, str | bool]:
    return {
        "name": _name_of(booking.customer),
        "service": booking.service.name,
        "resource": booking.resource.name,
        "location": booking.service.location.name,
        "when": format_local_time(booking.starts_at, booking.zone),
        "reference": booking.reference,
        "is_pending": booking.status == Booking.Status.PENDING,
        "amount": format_money(amount.amount_minor, amount.currency) if amount.amount_minor else "",
        "business": settings.BUSINESS_NAME,
    }
