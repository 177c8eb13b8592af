"""Apply delivery receipts. They arrive unordered, repeated, late or never: a notification only moves forward."""

from __future__ import annotations

import logging

from django.db import transaction

from foundation.clock import database_now
from notifications.channels import CHANNELS
from notifications.models import Attempt, Channel, InboundMessage, Notification, Receipt
from notifications.operations.suppressions import suppress_after
from notifications.providers.base import ReceiptMeaning, RecipientOptedOut

log = logging.getLogger(__name__)

BATCH = 200

Status = Notification.Status


def apply_receipts() -> int:
    """Apply up to BATCH receipts in one transaction; return how many. Two callers never apply the same receipt."""
    with transaction.atomic():
        receipts = list(
            Receipt.objects.filter(applied_at__isnull=True).select_for_update(skip_locked=True).order_by("pk")[:BATCH]
        )
        # Notifications are locked in the order of their ids, and suppressions are inserted in the order of their
        # addresses, as in every transaction: no deadlocks.
        notifications = (
            Notification.objects.filter(pk__in={receipt.notification_id for receipt in receipts})
            .select_for_update(no_key=True)
            .order_by("pk")
            .in_bulk()
        )
        attempts = Attempt.objects.in_bulk([receipt.attempt_id for receipt in receipts])
        applied = []
        for receipt in receipts:
            notification, attempt = notifications[receipt.notification_id], attempts.get(receipt.attempt_id)
            applied.append(
                (notification.channel, attempt.address if attempt else notification.address, receipt, notification)
            )
        for _, address, receipt, notification in sorted(applied, key=lambda row: (row[0], row[1], row[2].pk)):
            _apply(receipt, notification, address)
        if receipts:
            Receipt.objects.filter(pk__in=[receipt.pk for receipt in receipts]).update(applied_at=database_now())
    return len(receipts)


def _apply(receipt: Receipt, notification: Notification, address: str) -> None:
    translate = CHANNELS[Channel(notification.channel)].translate_receipt
    meaning = translate(receipt.provider_status, receipt.error_code) if translate else ReceiptMeaning()
    if meaning.status is None:
        return
    if notification.provider_id not in ("", receipt.provider_id):
        log.warning("Ignoring a receipt for notification %s: the provider's message id does not match", notification.pk)
        return
    fields = _fields(receipt, notification, meaning.status)
    if notification.transition_to(meaning.status, **fields):
        for name, value in fields.items():  # the next receipt of this batch may be about the same notification
            setattr(notification, name, value)
    if meaning.error_type is not None and not _is_refuted(meaning, receipt, notification.channel, address):
        suppress_after(
            meaning.error_type,
            channel=Channel(notification.channel),
            address=address,
            source=f"The provider reported {receipt.error_code}",
        )


def _is_refuted(meaning: ReceiptMeaning, receipt: Receipt, channel: str, address: str) -> bool:
    """Return whether a reply since then refutes the error: any reply that of reach, only START an opt-out.

    Replies are applied immediately, receipts later.
    """
    replies = InboundMessage.objects.filter(channel=channel, address=address, received_at__gt=receipt.received_at)
    if meaning.error_type is RecipientOptedOut:
        replies = replies.filter(opt_out=InboundMessage.OptOut.START)
    return replies.exists()


def _fields(receipt: Receipt, notification: Notification, status: Notification.Status) -> dict[str, object]:
    fields: dict[str, object] = {"provider_id": receipt.provider_id, "lease_until": None, "lease_token": None}
    if notification.accepted_at is None:
        fields["accepted_at"] = receipt.received_at
    if status == Status.UNDELIVERED:
        return fields | {"error_code": receipt.error_code, "error": "The provider could not deliver it."}
    if status in (Status.DELIVERED, Status.READ):
        fields["delivered_at"] = notification.delivered_at or receipt.received_at
    return fields | {"error": "", "error_code": ""}
