"""One attempt to send a message, from claim to outcome. Runs in threads that hold no database connection."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from notifications.channels import CHANNELS
from notifications.models import Notification
from notifications.providers.base import (
    Accepted,
    AttemptAbandoned,
    ChannelNotReady,
    OutgoingMessage,
    ProviderError,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRejected,
    RecipientOptedOut,
)

log = logging.getLogger(__name__)

# RFC 5321, 4.5.4.1: retry for 4 to 5 days. With half an hour to an hour between most attempts, this lasts three days at
# least, and four and a half on average. A message's own expiry usually comes earlier.
MAX_ATTEMPTS = 151
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, BACKOFF_FACTOR = 5.0, 3600.0, 3.0
# If the channel works for others and still fails for one message this often, the fault is that of the message: it must
# not stop the channel again and again.
MAX_CHANNEL_FAULTS = 3

Status = Notification.Status


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt: the status to set, with the provider's acceptance or error.

    ``retry_in`` is in seconds, for a message that is queued again; None keeps its place in the queue.
    """

    message: OutgoingMessage
    status: Notification.Status
    accepted: Accepted | None = None
    error: ProviderError | None = None
    retry_in: float | None = None

    @property
    def counts_as_attempt(self) -> bool:
        """Return whether it counts against MAX_ATTEMPTS. Faults of the channel and abandoned attempts do not."""
        return not (self.is_channel_fault or isinstance(self.error, AttemptAbandoned))

    @property
    def is_channel_fault(self) -> bool:
        """Return whether the channel is at fault, so that other messages would fail, too."""
        return isinstance(self.error, ChannelNotReady) and self.message.channel_faults < MAX_CHANNEL_FAULTS

    @property
    def suggests_channel_fault(self) -> bool:
        """Return whether it is a fault of the channel, or may be one: an unknown outcome."""
        return self.is_channel_fault or isinstance(self.error, ProviderOutcomeUnknown)

    @property
    def proves_channel_works(self) -> bool:
        """Return whether the provider handled this message: it accepted it, or refused it as such."""
        if self.error is None or isinstance(self.error, ChannelNotReady | ProviderOutcomeUnknown):
            return self.status == Status.ACCEPTED
        return bool(self.error.code or self.error.http_status)  # not one of our own reasons


def deliver(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Outcome:
    """Send ``message`` and return the outcome. Never raises: an exception would lose the outcome."""
    channel = CHANNELS[message.channel]
    permissions: list[bool] = []

    def record_permission() -> bool:
        permissions.append(may_hand_over())
        return permissions[-1]

    try:
        accepted = channel.send(message, may_hand_over=record_permission)
    except RecipientOptedOut as refusal:
        return Outcome(message, Status.SKIPPED, error=refusal)
    except ProviderRejected as refusal:
        return Outcome(message, Status.FAILED, error=refusal)
    except ProviderNotSent as error:
        return _retry_or_fail(message, error)
    except ProviderOutcomeUnknown as error:
        return Outcome(message, Status.UNKNOWN, error=error)
    except Exception as bug:
        log.exception("Unexpected error while sending notification %s", message.id)
        reason = f"Internal error: {type(bug).__name__}"
        if channel.has_hand_over and not any(permissions):
            return _retry_or_fail(message, ProviderNotSent(reason))
        # The bug may have struck before or after the provider accepted the message, so the outcome is unknown.
        return Outcome(message, Status.UNKNOWN, error=ProviderOutcomeUnknown(reason))
    return Outcome(message, Status.ACCEPTED, accepted)


def _retry_or_fail(message: OutgoingMessage, error: ProviderNotSent) -> Outcome:
    waiting = Outcome(message, Status.QUEUED, error=error)
    if waiting.is_channel_fault:
        return waiting  # pauses.py decides when the channel sends again
    if isinstance(error, AttemptAbandoned):
        return replace(waiting, retry_in=_with_jitter(FIRST_BACKOFF_SECONDS))
    if message.attempts >= MAX_ATTEMPTS:
        return Outcome(message, Status.DEAD, error=error)
    return Outcome(message, Status.QUEUED, error=error, retry_in=_with_jitter(_backoff(message.attempts)))


def _backoff(attempts: int) -> float:
    """Return the exponential backoff after this many attempts, in seconds."""
    return min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * BACKOFF_FACTOR ** min(attempts - 1, 10))


def _with_jitter(backoff: float) -> float:
    # When a provider recovers, the messages do not all arrive at the same moment.
    return random.uniform(backoff / 2, backoff)  # noqa: S311 - not for cryptography
