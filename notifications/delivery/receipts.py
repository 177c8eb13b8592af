"""Apply delivery receipts. They arrive unordered, repeated, late or never: a notification only moves forward."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from notifications.channels import CHANNELS
from notifications.models import Channel, Notification, Receipt
from notifications.operations.suppressions import suppress_after
from notifications.providers.base import ReceiptMeaning

log = logging.getLogger(__name__)

BATCH = 200

Status = Notification.Status


def apply_receipts() -> int:
    """Apply up to BATCH receipts in one transaction; return how many. Two callers never apply the same receipt."""
    with transaction.atomic():
        receipts = list(
            Receipt.objects.filter(applied_at__isnull=True)
            .select_related("notification")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("pk")[:BATCH]
        )
        for receipt in receipts:
            _apply(receipt)
        if receipts:
            Receipt.objects.filter(pk__in=[receipt.pk for receipt in receipts]).update(applied_at=timezone.now())
    return len(receipts)


def _apply(receipt: Receipt) -> None:
    notification = receipt.notification
    translate = CHANNELS[Channel(notification.channel)].translate_receipt
    meaning = translate(receipt.provider_status, receipt.error_code) if translate else ReceiptMeaning()
    if meaning.status is None:
        return
    if notification.provider_id not in ("", receipt.provider_id):
        log.warning("Ignoring a receipt for notification %s: the provider's message id does not match", notification.pk)
        return
    notification.transition_to(meaning.status, **_fields(receipt, meaning.status))
    if meaning.error_type is not None:
        suppress_after(
            meaning.error_type,
            channel=Channel(notification.channel),
            address=notification.address,
            source=f"The provider reported {receipt.error_code}",
        )


def _fields(receipt: Receipt, status: Notification.Status) -> dict[str, object]:
    fields: dict[str, object] = {"provider_id": receipt.provider_id, "lease_until": None, "lease_token": None}
    if receipt.notification.accepted_at is None:
        fields["accepted_at"] = receipt.received_at
    if status == Status.UNDELIVERED:
        return fields | {"error_code": receipt.error_code, "error": "The provider could not deliver it."}
    if status in (Status.DELIVERED, Status.READ):
        fields["delivered_at"] = receipt.notification.delivered_at or receipt.received_at
    return fields | {"error": "", "error_code": ""}
