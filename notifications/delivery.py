"""One try at one message, from claim to verdict. Runs in threads that hold no database connection."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from notifications import providers
from notifications.models import Notification
from notifications.providers.base import NotSent, OutcomeUnknown, Outgoing, Rejected

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 5.0, 3600.0

Status = Notification.Status


@dataclass(frozen=True)
class Outcome:
    """What a try came to: the status it asks for, and what the history says of it. Delays in seconds from now."""

    message: Outgoing
    status: Notification.Status
    provider_id: str = ""
    http_status: int | None = None
    code: str = ""
    detail: str = ""
    again_in: float = 0.0
    counts: bool = True


def deliver(message: Outgoing) -> Outcome:
    """Send ``message`` and say what became of it. Never raises: a thread that died would leave only a lapsed lease."""
    try:
        accepted = providers.send(message)
    except Rejected as refusal:
        return Outcome(message, Status.FAILED, "", refusal.http_status, refusal.code, str(refusal))
    except NotSent as fault:
        return _again_later(message, fault)
    except OutcomeUnknown as doubt:
        return Outcome(message, Status.UNKNOWN, "", doubt.http_status, doubt.code, str(doubt))
    except Exception as bug:
        # A bug of ours may have struck before or after the provider accepted: that is the meaning of unknown.
        log.exception("A try at notification %s ended in a bug", message.id)
        return Outcome(message, Status.UNKNOWN, detail=f"A fault in Daybook itself: {type(bug).__name__}")
    return Outcome(message, Status.ACCEPTED, accepted.provider_id, accepted.http_status)


def _again_later(message: Outgoing, fault: NotSent) -> Outcome:
    if fault.counts and message.attempt_number >= MAX_ATTEMPTS:
        detail = f"Given up after {message.attempt_number} tries. {fault}"
        return Outcome(message, Status.FAILED, "", fault.http_status, fault.code, detail)
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 3 ** (message.attempt_number - 1))
    # Full jitter: a provider that comes back is not met by everybody at once.
    delay = fault.retry_after if fault.retry_after is not None else random.uniform(0.5, longest)  # noqa: S311
    return Outcome(
        message, Status.QUEUED, "", fault.http_status, fault.code, str(fault), again_in=delay, counts=fault.counts
    )
