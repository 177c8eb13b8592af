"""Notifications in the timeline of a booking, and the timeline of a single notification."""

from collections.abc import Iterable

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Entry
from foundation.timezones import format_local_time
from notifications.models import Attempt, Notification, Receipt

OUTCOME_LABELS = {"": "in progress", Notification.Status.QUEUED: "not sent"}


def message_entries(booking: Booking) -> Iterable[Entry]:
    """Yield the notifications about the booking, with their status."""
    for row in Notification.objects.filter(booking=booking):
        link = reverse("notification-detail", args=[row.pk])
        resent = f", sent again by {row.resent_by}" if row.resend_of_id else ""
        recipient = f"to {row.address}" if row.address else row.error  # a skipped message states why it has none
        detail = f"{recipient}{resent}"
        yield Entry(row.planned_at, str(row), detail, row.status, link, "notifications.view_notification")


def delivery_entries(notification: Notification) -> list[Entry]:
    """Return the notification's attempts and receipts, oldest first."""
    planned_at = format_local_time(notification.planned_at, notification.booking.zone, "j M, H:i")
    planned_time = f"to be sent on {planned_at}" if notification.is_planned_ahead else ""
    queued_entry = Entry(notification.created_at, "Queued", planned_time)
    resends = [_resend_entry(new) for new in Notification.objects.filter(resend_of=notification)]
    attempts = [_attempt_entry(attempt) for attempt in notification.attempt_log.all()]
    receipts = [_receipt_entry(receipt) for receipt in notification.receipts.all()]
    return [queued_entry, *sorted([*attempts, *receipts, *resends], key=lambda entry: entry.at)]


def _attempt_entry(attempt: Attempt) -> Entry:
    duration = f", {(attempt.ended_at - attempt.started_at).total_seconds():.1f} s" if attempt.ended_at else ""
    response = [f"HTTP {attempt.http_status}" if attempt.http_status else "", attempt.error_code, attempt.detail]
    return Entry(
        attempt.started_at,
        f"Attempt {attempt.number}{duration}",
        " ".join(part for part in response if part),
        status=OUTCOME_LABELS.get(attempt.outcome, attempt.outcome),
    )


def _resend_entry(new: Notification) -> Entry:
    link = reverse("notification-detail", args=[new.pk])
    return Entry(new.created_at, "Sent again", f"by {new.resent_by}", status=new.status, link=link)


def _receipt_entry(receipt: Receipt) -> Entry:
    return Entry(receipt.received_at, "Delivery receipt", receipt.error_code, status=receipt.provider_status)
