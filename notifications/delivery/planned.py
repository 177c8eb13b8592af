"""Prepare planned messages when they are claimed: render them with current data, or leave them out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence, Set
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import KINDS, REMINDER_GAP, MessageKind, kinds_about
from notifications.messages.render import render_message
from notifications.models import Channel, Notification
from notifications.providers.base import OutgoingMessage, ProviderRejected

log = logging.getLogger(__name__)

Status = Notification.Status
REPEATED = f"The customer received the same details less than {REMINDER_GAP.seconds // 60} minutes earlier."


def prepare_planned(
    messages: Sequence[OutgoingMessage], planned_ids: Set[UUID]
) -> tuple[list[OutgoingMessage], list[Outcome]]:
    """Return the claimed messages, planned ones with their texts, and the outcomes of those that are not to be sent.

    Call it in the transaction that claims them. A text that cannot be rendered fails its message, not the lane.
    """
    if not planned_ids:
        return list(messages), []
    rows = Notification.objects.filter(pk__in=planned_ids).select_related(
        "booking__customer", "booking__service__location", "booking__resource"
    )
    row_by_id = {row.pk: row for row in rows}
    repeated_ids = set(rows.filter(Exists(_same_details())).values_list("pk", flat=True))
    prepared, outcomes = [], []
    for message in messages:
        row = row_by_id.get(message.id)
        if row is None:
            prepared.append(message)
        elif row.pk in repeated_ids:
            outcomes.append(Outcome(message, Status.SKIPPED, error=ProviderRejected(REPEATED)))
        elif _render(row):
            prepared.append(dataclasses.replace(message, subject=row.subject, body=row.body))
        else:
            error = ProviderRejected("Its text could not be rendered: see the log.")
            outcomes.append(Outcome(message, Status.FAILED, error=error))
    Notification.objects.bulk_update(row_by_id.values(), ["subject", "body"])
    return prepared, outcomes


def _same_details() -> QuerySet[Notification]:
    """Return the messages that have just stated the same to the customer as the outer one."""
    topic = KINDS[MessageKind.BOOKING_REMINDER].topic
    return Notification.objects.filter(
        booking=OuterRef("booking"),
        channel=OuterRef("channel"),
        address=OuterRef("address"),
        kind__in=kinds_about(topic),
        superseded_at=None,
        status__in=Notification.ARRIVED,
        accepted_at__gt=Now() - REMINDER_GAP,
    ).exclude(pk=OuterRef("pk"))


def _render(row: Notification) -> bool:
    """Set the text of the message; return whether it could be rendered."""
    try:
        text = render_message(MessageKind(row.kind), Channel(row.channel), row.booking)
    except Exception:
        log.exception("Failed to render notification %s", row.pk)
        return False
    row.subject, row.body = text.subject, text.body
    return True
