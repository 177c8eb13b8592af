"""The messages' part of a booking's story."""

from collections.abc import Iterable

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Entry
from notifications.models import Attempt, Notification, Receipt


def message_entries(booking: Booking) -> Iterable[Entry]:
    """Tell what was sent, where to, and how far it came."""
    for row in Notification.objects.filter(booking=booking):
        link = reverse("notification-detail", args=[row.pk])
        yield Entry(row.planned_at, str(row), f"to {row.address}", row.status, link, "notifications.view_notification")


def delivery_entries(notification: Notification) -> list[Entry]:
    """Tell one message's way, oldest first: each try at sending it, and each report of the provider."""
    planned = f"for {notification.planned_at:%d %b, %H:%M} UTC" if notification.is_planned_ahead else ""
    written = Entry(notification.created_at, "Written with the booking's change", planned)
    tries = [_of_attempt(attempt) for attempt in notification.tries.all()]
    reports = [_of_receipt(receipt) for receipt in notification.receipts.all()]
    return [written, *sorted([*tries, *reports], key=lambda entry: entry.at)]


VERDICTS = {"": "under way", Notification.Status.QUEUED: "not sent, again later"}


def _of_attempt(attempt: Attempt) -> Entry:
    took = f", {(attempt.ended_at - attempt.started_at).total_seconds():.1f} s" if attempt.ended_at else ""
    answer = [f"HTTP {attempt.http_status}" if attempt.http_status else "", attempt.error_code, attempt.detail]
    return Entry(
        attempt.started_at,
        f"Try {attempt.number}{took}",
        " ".join(part for part in answer if part),
        status=VERDICTS.get(attempt.outcome, attempt.outcome),
    )


def _of_receipt(receipt: Receipt) -> Entry:
    return Entry(receipt.received_at, "The provider reported", receipt.error_code, status=receipt.provider_status)
