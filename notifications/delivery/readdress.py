"""Send claimed messages to the customer's current address, which may have changed since they were queued or tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from uuid import UUID

from notifications.channels import CHANNELS
from notifications.delivery.send_attempt import Outcome
from notifications.models import Attempt, Notification, Suppression
from notifications.providers.base import OutgoingMessage, ProviderRejected


def readdress(
    messages: Sequence[OutgoingMessage], current_addresses: Mapping[UUID, str]
) -> tuple[list[OutgoingMessage], list[Outcome]]:
    """Return the messages with the current addresses, and the outcomes of those that cannot be sent there.

    Call it in the transaction that claims them.
    """
    sendable, outcomes = [], []
    for message in messages:
        address = current_addresses[message.id]
        if address == message.address:
            sendable.append(message)
            continue
        Notification.objects.filter(pk=message.id).update(address=address)
        Attempt.objects.filter(pk=message.attempt_id).update(address=address)
        readdressed = dataclasses.replace(message, address=address)
        if obstacle := _obstacle(readdressed):
            outcomes.append(Outcome(readdressed, Notification.Status.SKIPPED, error=ProviderRejected(obstacle)))
        else:
            sendable.append(readdressed)
    return sendable, outcomes


def _obstacle(message: OutgoingMessage) -> str:
    suppression = Suppression.objects.filter(channel=message.channel, address=message.address).first()
    if suppression:
        return f"Suppressed address: {suppression.source}"
    return CHANNELS[message.channel].unreachable_reason(message.address)
