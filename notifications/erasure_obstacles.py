"""Why a customer's personal data cannot be erased yet: messages that are not settled."""

from __future__ import annotations

from collections.abc import Iterator

from bookings.models import Customer
from notifications.models import Notification
from notifications.personal_data import messages_of, receipts_of


def find_erasure_obstacles(customer: Customer) -> Iterator[str]:
    """Yield what is open, and what to do. It registers with ``bookings.operations.add_erasure_check``."""
    for notification in messages_of(customer).filter(status__in=Notification.UNSETTLED).select_related("booking"):
        status = notification.get_status_display().lower()
        message = f"{notification} of booking {notification.booking}"
        yield f"{message} is {status}. Wait until it is sent, or decide about it."
    if receipts_of(customer).filter(applied_at=None).exists():
        yield "A delivery receipt is being processed. Try again in a minute."
