"""The messages' part of a booking's story."""

from collections.abc import Iterable

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Entry
from notifications.models import Notification


def message_entries(booking: Booking) -> Iterable[Entry]:
    """Tell what was sent, where to, and how far it came."""
    for row in Notification.objects.filter(booking=booking):
        link = reverse("notification-detail", args=[row.pk])
        yield Entry(row.created_at, str(row), f"to {row.address}", status=row.status, link=link)
