"""Slow, pause and resume channels. The outcomes of the attempts decide.

A set-up fault pauses its channel. An outage or a rate limit slows it down, and pauses it after several in a row; so do
unknown outcomes in a row, since each may need a person. A paused channel sends only probes (allowance.py) until the
provider handles one of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from foundation.clock import database_now
from foundation.retry_after import MAX_RETRY_AFTER_SECONDS
from notifications.delivery.rate_control import create_channel_states
from notifications.delivery.send_attempt import Outcome
from notifications.models import Attempt, ChannelState, Notification
from notifications.providers.base import ChannelBroken, ProviderError, ProviderOutcomeUnknown, ProviderRateLimited

log = logging.getLogger(__name__)

Cause = ChannelState.Cause

# The first and the longest backoff, in seconds; it doubles with each failure in a row.
BACKOFF = {
    Cause.UNCONFIRMED: (1, 300),
    Cause.RATE_LIMITED: (1, 60),
    Cause.UNAVAILABLE: (1, 60),
    Cause.BROKEN: (60, 300),
}
SEVERITY = list(BACKOFF)  # of several faults, the most severe decides
FAILURES_UNTIL_PAUSE = 3  # a single failure may be our own connection too many
LONG_WAIT_SECONDS = 60.0  # a wait that staff should know about


def adjust_channels(outcomes: Sequence[Outcome]) -> None:
    """Slow, pause or resume the channels of these outcomes. Call it in the transaction that records them.

    The lanes lock the channel's row in turn, so each change is made, and logged, exactly once.
    """
    faulty = {outcome.message.channel for outcome in outcomes if outcome.suggests_channel_fault}
    working = {outcome.message.channel for outcome in outcomes if outcome.proves_channel_works}
    if faulty:
        create_channel_states()
    affected = Q(channel__in=faulty) | Q(channel__in=working, failures__gt=0)
    for state in ChannelState.objects.filter(affected).select_for_update().order_by("channel"):
        _adjust(state, [outcome for outcome in outcomes if outcome.message.channel == state.channel])


def _adjust(state: ChannelState, outcomes: Sequence[Outcome]) -> None:
    # The attempts that were in flight at a fault only repeat it, or report what was true before it.
    attempts = Attempt.objects.filter(pk__in=[outcome.message.attempt_id for outcome in outcomes])
    if state.failed_at:
        attempts = attempts.filter(started_at__gt=state.failed_at)
    later = set(attempts.values_list("pk", flat=True))
    successes = [outcome for outcome in outcomes if outcome.proves_channel_works]
    # While the channel is paused, only a probe proves that it works again.
    if any(not state.paused_since or success.message.attempt_id in later for success in successes):
        _recover(state)
    faults = [outcome for outcome in outcomes if outcome.suggests_channel_fault]
    errors = [fault.error for fault in faults if fault.error and fault.message.attempt_id in later]
    if errors:
        in_flight = Notification.objects.filter(channel=state.channel, status=Notification.Status.SENDING).count()
        _fail(state, max(filter(None, errors), key=_severity), in_flight + len(outcomes))


def _recover(state: ChannelState) -> None:
    changes = {"failures": 0, "recovered_at": Now(), "paused_since": None, "pause_cause": "", "pause_reason": ""}
    if state.paused_since:
        changes["paused_until"] = None
        waiting = Notification.objects.due().filter(channel=state.channel).count()
        duration = timedelta(seconds=round((database_now() - state.paused_since).total_seconds()))
        message = "%s works again: it was paused for %s. Messages waiting: %d."
        transaction.on_commit(partial(log.warning, message, state, duration, waiting))
    state.failures, state.paused_since, state.pause_cause = 0, None, ""
    ChannelState.objects.filter(pk=state.pk).update(**changes)


def _fail(state: ChannelState, error: ProviderError, in_flight: int) -> None:
    """Record the fault: begin the backoff, and lower the limit to half of what was in flight, or pause the channel."""
    cause = _cause_of(error)
    failures = state.failures + 1 if state.pause_cause in ("", cause) else 1
    backoff = _backoff(error, cause, failures)
    if cause == Cause.UNCONFIRMED and failures == 1 and not state.paused_since:
        ChannelState.objects.filter(pk=state.pk).update(failures=1, failed_at=Now())
        return  # a single one may have to do with its message
    changes: dict[str, object] = {
        "failures": failures,
        "failed_at": Now(),
        "paused_until": Now() + timedelta(seconds=backoff),
    }
    if cause != Cause.BROKEN and not state.paused_since:
        changes |= {"limit": max(1, min(state.limit, in_flight) // 2), "slowed_at": Now()}
    if state.paused_since or cause == Cause.BROKEN or failures >= FAILURES_UNTIL_PAUSE or backoff >= LONG_WAIT_SECONDS:
        reason = f"{str(error)[:249].rstrip('.')}."
        changes |= {"pause_cause": cause, "pause_reason": reason, "paused_since": state.paused_since or Now()}
        if state.pause_cause != cause:
            level = logging.ERROR if cause == Cause.BROKEN else logging.WARNING
            message = "%s is paused: %s Its messages wait. %s"
            transaction.on_commit(partial(log.log, level, message, state, reason, ChannelState.ADVICE[cause]))
    ChannelState.objects.filter(pk=state.pk).update(**changes)


def _cause_of(error: ProviderError) -> ChannelState.Cause:
    if isinstance(error, ChannelBroken):
        return Cause.BROKEN
    if isinstance(error, ProviderOutcomeUnknown):
        return Cause.UNCONFIRMED
    return Cause.RATE_LIMITED if isinstance(error, ProviderRateLimited) else Cause.UNAVAILABLE


def _severity(error: ProviderError) -> tuple[int, float]:
    return SEVERITY.index(_cause_of(error)), _retry_after(error)


def _backoff(error: ProviderError, cause: ChannelState.Cause, failures: int) -> float:
    """Return the seconds to wait: an exponential backoff, or what the provider asks for if that is longer."""
    first, longest = BACKOFF[cause]
    return max(_retry_after(error), float(min(longest, first * 2 ** min(failures - 1, 10))))


def _retry_after(error: ProviderError) -> float:
    seconds = error.retry_after if isinstance(error, ProviderRateLimited) else None
    return min(MAX_RETRY_AFTER_SECONDS, seconds or 0.0)
