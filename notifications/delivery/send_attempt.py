"""One attempt to send a message, from claim to outcome. Runs in threads that hold no database connection."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from notifications.channels import CHANNELS
from notifications.models import Notification
from notifications.providers.base import (
    Accepted,
    AttemptAbandoned,
    ChannelBroken,
    ChannelNotReady,
    OutgoingMessage,
    ProviderError,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRejected,
    RecipientOptedOut,
)

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, BACKOFF_FACTOR = 5.0, 3600.0, 3
CHANNEL_PAUSE_SECONDS = 60.0  # for a channel with wrong credentials

Status = Notification.Status


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt: the status to set, with the provider's acceptance or error.

    ``retry_in`` is in seconds, for a message that is queued again.
    """

    message: OutgoingMessage
    status: Notification.Status
    accepted: Accepted | None = None
    error: ProviderError | None = None
    retry_in: float = 0.0

    @property
    def counts_as_attempt(self) -> bool:
        """Return whether it counts against MAX_ATTEMPTS. Faults of the channel and abandoned attempts do not."""
        return not isinstance(self.error, ChannelNotReady | AttemptAbandoned)


def deliver(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Outcome:
    """Send ``message`` and return the outcome. Never raises: an exception would lose the outcome."""
    try:
        accepted = CHANNELS[message.channel].send(message, may_hand_over=may_hand_over)
    except RecipientOptedOut as refusal:
        return Outcome(message, Status.SKIPPED, error=refusal)
    except ProviderRejected as refusal:
        return Outcome(message, Status.FAILED, error=refusal)
    except ProviderNotSent as error:
        return _retry_or_fail(message, error)
    except ProviderOutcomeUnknown as error:
        return Outcome(message, Status.UNKNOWN, error=error)
    except Exception as bug:
        # The bug may have struck before or after the provider accepted the message, so the outcome is unknown.
        log.exception("Unexpected error while sending notification %s", message.id)
        internal_error = ProviderOutcomeUnknown(f"Internal error: {type(bug).__name__}")
        return Outcome(message, Status.UNKNOWN, error=internal_error)
    return Outcome(message, Status.ACCEPTED, accepted)


def _retry_or_fail(message: OutgoingMessage, error: ProviderNotSent) -> Outcome:
    if isinstance(error, ChannelBroken):
        return Outcome(message, Status.QUEUED, error=error, retry_in=CHANNEL_PAUSE_SECONDS)
    if isinstance(error, ChannelNotReady | AttemptAbandoned):
        return Outcome(message, Status.QUEUED, error=error, retry_in=_with_jitter(FIRST_BACKOFF_SECONDS))
    if message.attempts >= MAX_ATTEMPTS:
        return Outcome(message, Status.DEAD, error=error)
    return Outcome(message, Status.QUEUED, error=error, retry_in=_with_jitter(_backoff(message.attempts)))


def _backoff(attempts: int) -> float:
    """Return the exponential backoff after this many attempts, in seconds."""
    return min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * float(BACKOFF_FACTOR ** (attempts - 1)))


def _with_jitter(backoff: float) -> float:
    # Full jitter: when a provider recovers, the messages do not all arrive at the same moment.
    return random.uniform(0.5, backoff)  # noqa: S311 - not for cryptography
