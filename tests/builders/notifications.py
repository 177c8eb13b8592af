"""Build notifications and deliver them."""

from __future__ import annotations

from typing import Any

from notifications.delivery.drain import Drain
from notifications.delivery.senders import SENDERS
from notifications.models import Notification
from tests.builders.bookings import make_booking


def make_notification(**fields: Any) -> Notification:
    """Return the booking's notification on one channel, with ``fields`` set, and delete its other notifications."""
    booking = fields.pop("booking", None) or make_booking()
    notification = Notification.objects.filter(booking=booking, channel=fields.pop("channel", "sms")).get()
    Notification.objects.exclude(pk=notification.pk).filter(booking=booking).delete()
    Notification.objects.filter(pk=notification.pk).update(**fields)
    notification.refresh_from_db()
    return notification


def deliver_all(seconds: float = 0.5) -> None:
    """Drain lane 0 for one slice; return when the outcome of every claimed message is recorded."""
    Drain(0, start_next=lambda lane: None, slice_seconds=seconds).run()
    SENDERS.wait()
