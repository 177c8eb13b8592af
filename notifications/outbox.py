"""Writes what is owed, with the change that owes it: both commit, or neither does."""

from bookings.models import Booking, BookingEvent
from notifications.jobs import wake_drains
from notifications.messages import KINDS, messages_for
from notifications.models import Notification


def queue_messages(*, kind: str, booking: Booking, event: BookingEvent) -> None:
    """Write one notification per channel, once per event; a repeat changes nothing. Call it inside the transaction."""
    Notification.objects.bulk_create(
        [
            Notification(
                dedupe_key=f"{event.pk}:{message.channel}:{message.address}",
                kind=kind,
                channel=message.channel,
                booking=booking,
                address=message.address,
                subject=message.subject,
                body=message.body,
                expires_at=KINDS[kind].useful_until(booking),
            )
            for message in messages_for(kind, booking)
        ],
        ignore_conflicts=True,
    )
    wake_drains()
