"""Twilio's message statuses, translated into ours."""

from __future__ import annotations

from notifications.models import Notification

Status = Notification.Status

# Twilio's words for what became of a message; a word that is missing here changes nothing. Any report of a message,
# even that it is queued, proves that Twilio has accepted it.
STATUS_FROM_TWILIO = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.ACCEPTED,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.UNDELIVERED,
    "canceled": Status.UNDELIVERED,
}
STATUSES_WITHOUT_NEWS = {"receiving", "received", "partially_delivered"}
