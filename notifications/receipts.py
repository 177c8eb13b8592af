"""Applies what the providers reported. Receipts come unordered, doubled, late or never: the row only moves forward."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from notifications.models import Notification, Receipt
from notifications.providers.twilio import STATUS_FROM_TWILIO

BATCH = 200

Status = Notification.Status


def apply_receipts() -> int:
    """Apply up to BATCH receipts in one transaction; return how many. Two callers never take the same receipt."""
    with transaction.atomic():
        receipts = list(
            Receipt.objects.filter(applied_at__isnull=True)
            .select_related("notification")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("pk")[:BATCH]
        )
        for receipt in receipts:
            _apply(receipt)
        Receipt.objects.filter(pk__in=[receipt.pk for receipt in receipts]).update(applied_at=timezone.now())
    return len(receipts)


def _apply(receipt: Receipt) -> None:
    status = STATUS_FROM_TWILIO.get(receipt.provider_status)
    if status is None:
        return
    fields: dict[str, object] = {"provider_id": receipt.provider_id, "lease_until": None, "lease_token": None}
    if status in (Status.DELIVERED, Status.READ):
        fields |= {
            "delivered_at": receipt.notification.delivered_at or receipt.received_at,
            "error": "",
            "error_code": "",
        }
    if status == Status.UNDELIVERED:
        fields |= {"error_code": receipt.error_code, "error": "The provider could not deliver it."}
    if receipt.notification.accepted_at is None:
        fields["accepted_at"] = receipt.received_at
    receipt.notification.move_to(status, **fields)
