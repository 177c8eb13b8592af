"""Decide about notifications on hold. Each needs a decision: it may have been sent, and the provider cannot say."""

from __future__ import annotations

from uuid import UUID

from django.db import models, transaction
from django.db.models.functions import Now

from foundation.events import Actor
from notifications.channels import CHANNELS
from notifications.jobs import wake_lanes
from notifications.models import Channel, Notification
from notifications.outbox import lock_unsent_messages

Status = Notification.Status


class Decision(models.TextChoices):
    SEND_AGAIN = "send_again", "Send again"
    ARRIVED = "arrived", "Mark as delivered"
    LEAVE = "leave", "Do not send again"


@transaction.atomic
def decide_on_held(*, notification_id: UUID, decision: Decision, actor: Actor) -> bool:
    """Carry out the decision about a notification on hold; return False if it is no longer on hold."""
    row = Notification.objects.filter(pk=notification_id, status=Status.HELD).first()
    if row is None:
        return False
    # Of two concurrent decisions, the second finds the notification no longer on hold.
    lock_unsent_messages(row.booking_id)
    row.refresh_from_db(fields=["status"])
    if row.status != Status.HELD:
        return False
    reason = f"{actor} decided: {decision.label.lower()}."
    if decision == Decision.SEND_AGAIN:
        address = CHANNELS[Channel(row.channel)].address_of(row.booking.customer)  # it may have been corrected
        is_queued = row.transition_to(Status.QUEUED, due_at=Now(), error=reason, address=address)
        wake_lanes()
        return is_queued
    if decision == Decision.ARRIVED:
        return row.transition_to(Status.DELIVERED, delivered_at=Now(), error=reason)
    return row.transition_to(Status.CANCELLED, error=reason)
