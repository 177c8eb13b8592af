"""Build notifications and deliver them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from bookings.models import Booking, Customer
from notifications.delivery.drain import Drain
from notifications.delivery.senders import SENDERS
from notifications.models import ChannelState, Notification
from tests.builders.bookings import make_booking


def make_notification(**fields: Any) -> Notification:
    """Return the booking's notification on one channel, with ``fields`` set, and delete its other notifications.

    An ``address`` becomes the customer's.
    """
    booking = fields.pop("booking", None) or make_booking()
    notification = Notification.objects.filter(booking=booking, channel=fields.pop("channel", "sms")).get()
    Notification.objects.exclude(pk=notification.pk).filter(booking=booking).delete()
    if "address" in fields:
        field = "email" if notification.channel == "email" else "phone"
        Customer.objects.filter(pk=booking.customer_id).update(**{field: fields["address"]})
    Notification.objects.filter(pk=notification.pk).update(**fields)
    notification.refresh_from_db()
    return notification


def make_emails(fields: Sequence[dict[str, Any]], booking: Booking | None = None) -> list[Notification]:
    """Return a queued e-mail with each of these ``fields``. Each has a booking and, by default, an address of its own.

    The bookings are copies of ``booking``, so that thousands take a second.
    """
    original = make_notification(channel="email", booking=booking)
    customers, bookings, notifications = [], [], []
    for number, own_fields in enumerate(fields):
        address = own_fields.get("address", f"customer{number}@example.com")
        customers.append(_copy(original.booking.customer, name=f"Customer {number}", email=address))
        starts_at = original.booking.starts_at + timedelta(hours=number + 1)
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
        bookings.append(_copy(original.booking, customer=customers[-1], reference=f"C{number:06}", **times))
        defaults = {"address": address, "dedupe_key": f"{number}:email", "event": None}
        notifications.append(_copy(original, booking=bookings[-1], **{**defaults, **own_fields}))
    original.delete()
    Customer.objects.bulk_create(customers)
    Booking.objects.bulk_create(bookings)
    return Notification.objects.bulk_create(notifications)


def _copy(row: Any, **fields: Any) -> Any:
    """Return an unsaved copy of the row with a new id, and with ``fields`` set."""
    copied = {field.attname: getattr(row, field.attname) for field in row._meta.fields if not field.primary_key}
    for name, value in fields.items():
        copied.pop(f"{name}_id", None)
        copied[name] = value
    return type(row)(**copied)


def pause_channel(channel: str, *, since: datetime | None = None, reason: str = "Authenticate") -> ChannelState:
    """Pause the channel because of a set-up fault; its next probe is in a minute."""
    now = timezone.now()
    return ChannelState.objects.create(
        channel=channel,
        limit=10,
        failures=1,
        paused_since=since or now,
        paused_until=now + timedelta(minutes=1),
        pause_cause=ChannelState.Cause.BROKEN,
        pause_reason=reason,
    )


def deliver_all(seconds: float = 0.5) -> None:
    """Drain lane 0 for one slice; return when the outcome of every claimed message is recorded."""
    Drain(0, start_next=lambda lane: None, slice_seconds=seconds).run()
    SENDERS.wait()
