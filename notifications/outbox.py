"""Writes what is owed, with the change that owes it: both commit, or neither does."""

from datetime import datetime

from bookings.models import Booking, Customer
from notifications.jobs import wake_drains
from notifications.messages.kinds import KINDS
from notifications.messages.render import Money, render_messages
from notifications.models import Notification


def queue_messages(
    *,
    kind: str,
    booking: Booking,
    cause: str,
    money: Money | None = None,
    due_at: datetime | None = None,
    useful_until: datetime | None = None,
) -> None:
    """Write one notification per channel, once per ``cause``; a repeat changes nothing. Call it inside the transaction.

    ``cause``: the key of what happened, such as a BookingEvent's. ``money``: the sum it is about, where it is not what
    the booking asks for. ``due_at``: not before then. ``useful_until``: not after then, where that is not for the kind
    to say.
    """
    Notification.objects.bulk_create(
        [
            Notification(
                dedupe_key=f"{cause}:{message.channel}:{message.address}",
                kind=kind,
                channel=message.channel,
                booking=booking,
                address=message.address,
                subject=message.subject,
                body=message.body,
                expires_at=useful_until or KINDS[kind].useful_until(booking),
                **({"due_at": due_at, "planned_at": due_at} if due_at else {}),
            )
            for message in render_messages(kind, booking, money)
        ],
        ignore_conflicts=True,
    )
    wake_drains()


def readdress_messages(customer: Customer) -> None:
    """Let what still waits to be sent to a customer go to where they can be reached now."""
    waiting = Notification.objects.filter(booking__customer=customer, status=Notification.Status.QUEUED)
    waiting.exclude(channel=Notification.Channel.EMAIL).update(address=customer.phone)
    waiting.filter(channel=Notification.Channel.EMAIL).update(address=customer.email)
