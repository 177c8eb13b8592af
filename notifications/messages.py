"""The words of every message: ``templates/notifications/messages/<kind>/<channel>.txt``, and who gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format

from bookings.models import Booking
from bookings.money import as_money
from notifications.models import Notification

Channel = Notification.Channel


@dataclass(frozen=True)
class Kind:
    """What holds for every message of a kind.

    ``useful_until``: after that time it is not sent any more. ``twice_beats_never``: an e-mail of which nobody knows
    whether it was sent is sent once more, under the same Message-ID, instead of being held for a person.
    """

    useful_until: Callable[[Booking], datetime]
    twice_beats_never: bool = False


def _the_visits_start(booking: Booking) -> datetime:
    return booking.starts_at


def _the_visits_end(booking: Booking) -> datetime:
    return booking.ends_at


def _three_days_on(booking: Booking) -> datetime:
    return max(booking.ends_at, timezone.now()) + timedelta(days=3)


class Money(NamedTuple):
    """A sum in minor units, beside its currency."""

    amount_minor: int
    currency: str


KINDS = {
    "booking_requested": Kind(_the_visits_end),
    "booking_confirmed": Kind(_the_visits_end),
    "booking_completed": Kind(_three_days_on),
    "booking_declined": Kind(_the_visits_end),
    "booking_unanswered": Kind(_the_visits_end),
    "booking_rescheduled": Kind(_the_visits_end),
    "booking_cancelled": Kind(_the_visits_end),
    "booking_missed": Kind(_three_days_on),
    "booking_reminder": Kind(_the_visits_start),
    "payment_failed": Kind(_the_visits_end),
    "refund_requested": Kind(_three_days_on),
    "refund_processed": Kind(_three_days_on),
}


@dataclass(frozen=True)
class Message:
    """One rendered message to one address. ``subject`` is empty but for e-mail."""

    channel: Notification.Channel
    address: str
    subject: str
    body: str


def messages_for(kind: str, booking: Booking, money: Money | None = None) -> Iterator[Message]:
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
        "amount": as_money(money.amount_minor, money.currency) if money.amount_minor else "",
        "business": settings.BUSINESS_NAME,
    }


def _render(template: str, words: dict[str, str]) -> str:
    return render_to_string(template, words).strip()
