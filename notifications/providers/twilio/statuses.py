"""Twilio's message statuses, translated into ours. Source: twilio.com/docs/messaging/api/message-resource."""

from __future__ import annotations

import logging
from functools import cache

from notifications.models import Notification
from notifications.providers.base import ReceiptMeaning
from notifications.providers.twilio.codes import ERROR_BY_CODE

log = logging.getLogger(__name__)

Status = Notification.Status

# Any report about a message, even that it is queued, proves that Twilio has accepted it.
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
IGNORED_STATUSES = {"receiving", "received", "partially_delivered"}


def translate_receipt(provider_status: str, error_code: str) -> ReceiptMeaning:
    """Return what a status callback means. An unknown status is logged once and changes nothing."""
    status = STATUS_FROM_TWILIO.get(provider_status)
    if status is None:
        _log_unknown_status_once(provider_status)
    return ReceiptMeaning(status, ERROR_BY_CODE.get(error_code))


@cache
def _log_unknown_status_once(provider_status: str) -> None:
    if provider_status not in IGNORED_STATUSES:
        log.warning("Unknown Twilio message status %r. The receipt is stored and changes nothing.", provider_status)
