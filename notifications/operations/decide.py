"""What a person may decide about a message that no provider can decide."""

from __future__ import annotations

from uuid import UUID

from django.db import models, transaction
from django.db.models.functions import Now

from foundation.events import Actor
from notifications.jobs import wake_drains
from notifications.models import Notification

Status = Notification.Status


class Decision(models.TextChoices):
    SEND_AGAIN = "send_again", "Send it again"
    ARRIVED = "arrived", "It has arrived"
    LEAVE = "leave", "Leave it unsent"


@transaction.atomic
def decide_on_held(*, notification_id: UUID, decision: Decision, actor: Actor) -> bool:
    """Carry out what ``actor`` decided of a held message; return False if it is not held any more."""
    row = Notification(pk=notification_id)
    said = f"{actor} decided: {decision.label.lower()}."
    if not Notification.objects.filter(pk=notification_id, status=Status.HELD).exists():
        return False
    if decision == Decision.SEND_AGAIN:
        moved = row.transition_to(Status.QUEUED, due_at=Now(), error=said)
        wake_drains()
        return moved
    if decision == Decision.ARRIVED:
        return row.transition_to(Status.DELIVERED, delivered_at=Now(), error=said)
    return row.transition_to(Status.CANCELLED, error=said)
