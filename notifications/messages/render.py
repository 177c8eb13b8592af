"""Render messages from ``templates/notifications/messages/<kind>/<channel>.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format

from bookings.models import Booking
from foundation.money import format_money
from notifications.models import Notification

Channel = Notification.Channel


class Money(NamedTuple):
    """A sum in minor units, beside its currency."""

    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Message:
    """One rendered message to one address. ``subject`` is empty but for e-mail."""

    channel: Notification.Channel
    address: str
    subject: str
    body: str


def render_messages(kind: str, booking: Booking, money: Money | None = None) -> Iterator[Message]:
    """Render what the booking's customer is told of ``kind``, once per channel."""
    words = _words(booking, money or Money(booking.due_online_minor, booking.currency))
    folder = f"notifications/messages/{kind}"
    customer = booking.customer
    yield Message(Channel.SMS, customer.phone, "", _render(f"{folder}/sms.txt", words))
    yield Message(Channel.WHATSAPP, customer.phone, "", _render(f"{folder}/whatsapp.txt", words))
    email = _render(f"{folder}/email.txt", words)
    subject, _, body = email.partition("\n")
    yield Message(Channel.EMAIL, customer.email, subject.removeprefix("Subject: "), body.strip())


def _words(booking: Booking, money: Money) -> dict[str, str]:
    starts_at = booking.starts_at.astimezone(booking.zone)
    # A customer's name goes out on the business's account: no line of it may pass for a message of its own.
    return {
        "name": " ".join(booking.customer.name.split())[:60],
        "service": booking.service.name,
        "resource": booking.resource.name,
        "location": booking.service.location.name,
        "when": date_format(starts_at, "D j M Y, H:i"),
        "reference": booking.reference,
        "amount": format_money(money.amount_minor, money.currency) if money.amount_minor else "",
        "business": settings.BUSINESS_NAME,
    }


def _render(template: str, words: dict[str, str]) -> str:
    return render_to_string(template, words).strip()
