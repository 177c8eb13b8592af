"""Applies what the providers reported. Receipts come unordered, doubled, late or never: the row only moves forward."""

from __future__ import annotations

import logging
from functools import cache

from django.db import transaction
from django.utils import timezone

from notifications.models import Notification, Receipt
from notifications.operations.suppressions import REASONS, suppress
from notifications.providers.twilio.codes import ERROR_BY_CODE
from notifications.providers.twilio.statuses import STATUS_FROM_TWILIO, STATUSES_WITHOUT_NEWS

log = logging.getLogger(__name__)

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
        if receipts:
            Receipt.objects.filter(pk__in=[receipt.pk for receipt in receipts]).update(applied_at=timezone.now())
    return len(receipts)


def _apply(receipt: Receipt) -> None:
    status = STATUS_FROM_TWILIO.get(receipt.provider_status)
    notification = receipt.notification
    if status is None:
        _tell_once(receipt.provider_status)
    elif notification.provider_id not in ("", receipt.provider_id):
        log.warning("A receipt of %s names another message than the one we sent", notification.pk)
    else:
        notification.transition_to(status, **_fields(receipt, status))
        _learn_of_the_address(receipt)


def _fields(receipt: Receipt, status: Notification.Status) -> dict[str, object]:
    fields: dict[str, object] = {"provider_id": receipt.provider_id, "lease_until": None, "lease_token": None}
    if receipt.notification.accepted_at is None:
        fields["accepted_at"] = receipt.received_at
    if status == Status.UNDELIVERED:
        return fields | {"error_code": receipt.error_code, "error": "The provider could not deliver it."}
    if status in (Status.DELIVERED, Status.READ):
        fields["delivered_at"] = receipt.notification.delivered_at or receipt.received_at
    return fields | {"error": "", "error_code": ""}


def _learn_of_the_address(receipt: Receipt) -> None:
    verdict = ERROR_BY_CODE.get(receipt.error_code)
    reason = REASONS.get(verdict) if verdict else None
    if reason is not None:
        row = receipt.notification
        source = f"Twilio reported {receipt.error_code}"
        suppress(channel=Notification.Channel(row.channel), address=row.address, reason=reason, source=source)


@cache
def _tell_once(word: str) -> None:
    if word not in STATUSES_WITHOUT_NEWS:
        log.warning("Twilio reports a status that is new to us: %r. It is kept and changes nothing.", word)
