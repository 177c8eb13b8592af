"""One try at one message, from claim to verdict. Runs in threads that hold no database connection."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from notifications import providers
from notifications.models import Notification
from notifications.providers.base import (
    Accepted,
    ChannelBroken,
    OutgoingMessage,
    ProviderError,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    RecipientOptedOut,
)

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 5.0, 3600.0
PAUSE_SECONDS = 60.0  # how long a channel with broken credentials rests before it is tried again

Status = Notification.Status


@dataclass(frozen=True)
class Outcome:
    """What a try came to: the status it asks for, and the provider's receipt or error behind it.

    ``again_in`` is in seconds from now, for a message that goes back into the queue.
    """

    message: OutgoingMessage
    status: Notification.Status
    receipt: Accepted | None = None
    error: ProviderError | None = None
    again_in: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether the try counts against the message: being asked to wait is no try of its own."""
        return not isinstance(self.error, ProviderRateLimited | ChannelBroken)


def deliver(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Outcome:
    """Send ``message`` and say what became of it. Never raises: a thread that died would leave only a lapsed lease."""
    try:
        receipt = providers.send(message, may_hand_over=may_hand_over)
    except RecipientOptedOut as refusal:
        return Outcome(message, Status.SKIPPED, error=refusal)
    except ProviderRejected as refusal:
        return Outcome(message, Status.FAILED, error=refusal)
    except ProviderNotSent as fault:
        return _again_later(message, fault)
    except ProviderOutcomeUnknown as doubt:
        return Outcome(message, Status.UNKNOWN, error=doubt)
    except Exception as bug:
        # A bug of ours may have struck before or after the provider accepted: that is the meaning of unknown.
        log.exception("A try at notification %s ended in a bug", message.id)
        fault_of_ours = ProviderOutcomeUnknown(f"A fault in Daybook itself: {type(bug).__name__}")
        return Outcome(message, Status.UNKNOWN, error=fault_of_ours)
    return Outcome(message, Status.ACCEPTED, receipt)


def _again_later(message: OutgoingMessage, fault: ProviderNotSent) -> Outcome:
    if isinstance(fault, ChannelBroken):
        return Outcome(message, Status.QUEUED, error=fault, again_in=PAUSE_SECONDS)
    if isinstance(fault, ProviderRateLimited):
        return Outcome(message, Status.QUEUED, error=fault, again_in=_jittered(FIRST_DELAY_SECONDS))
    if message.attempts >= MAX_ATTEMPTS:
        return Outcome(message, Status.DEAD, error=fault)
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 3 ** (message.attempts - 1))
    return Outcome(message, Status.QUEUED, error=fault, again_in=_jittered(longest))


def _jittered(longest: float) -> float:
    # Full jitter: a provider that comes back is not met by everybody at once.
    return random.uniform(0.5, longest)  # noqa: S311 - no secret
