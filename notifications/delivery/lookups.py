"""Look up notifications with an unknown outcome at their provider, instead of sending them again on a guess.

A lookup is due once the provider has had time to settle. A message that is found becomes accepted; one that is absent
twice is queued again. If lookups fail for a day, the message is put on hold until a person decides. Where the provider
has no lookup, the message kind says whether to send it once more or to put it on hold.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from foundation.database_errors import violated_constraint
from notifications.channels import CHANNELS
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Channel, Notification
from notifications.providers.base import Accepted, PendingLookup, ProviderOutcomeUnknown, ProviderRateLimited

log = logging.getLogger(__name__)

REQUIRED_LOOKUPS = 2  # the first may run before the provider lists the message
HOLD_AFTER_HOURS = 24
LOOKUP_LEASE_SECONDS = 60  # longer than any lookup takes; if the worker dies, the lookup is due again

Status = Notification.Status

CLAIM_LOOKUPS = """
    UPDATE notifications_notification n SET due_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM (SELECT id FROM notifications_notification
          WHERE status = 'unknown' AND due_at <= statement_timestamp()
          ORDER BY due_at LIMIT %(room)s FOR UPDATE SKIP LOCKED) AS due
    WHERE n.id = due.id
    RETURNING n.id, n.channel, n.kind, n.address, n.body, n.looks,
        (SELECT min(started_at) FROM notifications_attempt WHERE notification_id = n.id),
        n.unknown_since < clock_timestamp() - make_interval(hours => %(hours)s),
        ARRAY(SELECT provider_id FROM notifications_notification other  -- the provider's ids of our other messages
              WHERE other.address = n.address AND other.channel = n.channel AND other.provider_id <> '')
"""


@dataclass(frozen=True)
class LookupResult:
    """The result of a lookup: ``found``, an ``error``, or neither if the message is absent or there is no lookup.

    ``retry_after``: the seconds that the provider asks us to wait.
    """

    lookup: PendingLookup
    found: Accepted | None = None
    error: str = ""
    retry_after: float = 0.0


def claim_lookups(*, room: int) -> list[PendingLookup]:
    """Claim up to ``room`` notifications whose lookup is due; committed on return."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_LOOKUPS, {"lease": LOOKUP_LEASE_SECONDS, "room": room, "hours": HOLD_AFTER_HOURS})
        return [
            PendingLookup(id, Channel(channel), kind, address, body, lookups, started_at, is_overdue, known_ids)
            for id, channel, kind, address, body, lookups, started_at, is_overdue, known_ids in cursor.fetchall()
        ]


def look_up(lookup: PendingLookup) -> LookupResult:
    """Ask the provider for the message. Never raises; holds no database connection."""
    find = CHANNELS[lookup.channel].look_up
    if find is None:
        return LookupResult(lookup)
    try:
        return LookupResult(lookup, find(lookup))
    except ProviderRateLimited as error:
        return LookupResult(lookup, error=str(error), retry_after=error.retry_after or 0.0)
    except ProviderOutcomeUnknown as error:
        return LookupResult(lookup, error=str(error))
    except Exception as bug:
        log.exception("Unexpected error while looking up notification %s", lookup.id)
        return LookupResult(lookup, error=f"Internal error: {type(bug).__name__}")


def record_lookup(result: LookupResult) -> None:
    """Apply the result, unless a delivery receipt has resolved the outcome in the meantime."""
    lookup = result.lookup
    row = Notification(pk=lookup.id)
    if result.found is not None:
        _accept(row, result.found)
    elif CHANNELS[lookup.channel].look_up is None:
        _resend_or_hold(row, lookup)
    elif result.error:
        _retry_or_hold(row, result)
    elif lookup.lookups + 1 < REQUIRED_LOOKUPS:
        _still_unknown(lookup).update(due_at=_next_lookup_at(), looks=F("looks") + 1)
    else:
        row.transition_to(Status.QUEUED, due_at=Now(), looks=0, error="Absent at the provider, so it is sent again.")


def _accept(row: Notification, found: Accepted) -> None:
    try:
        with transaction.atomic():
            row.transition_to(
                Status.ACCEPTED, provider_id=found.provider_id, accepted_at=Now(), error="", error_code=""
            )
    except IntegrityError as error:
        if violated_constraint(error) != "one_notification_per_provider_id":
            raise
        # Another message with the same text turned out to be this one just now: the next lookup leaves it out.
        Notification.objects.filter(pk=row.pk, status=Status.UNKNOWN).update(due_at=_next_lookup_at())


def _resend_or_hold(row: Notification, lookup: PendingLookup) -> None:
    """Send once more if the message kind says so, or else put on hold: a mail server cannot be asked."""
    if KINDS[MessageKind(lookup.kind)].resend_if_unknown and lookup.lookups == 0:
        reason = "It may have been sent, but is sent once more to be sure."
        row.transition_to(Status.QUEUED, due_at=Now(), looks=1, error=reason)
    else:
        reason = "It may have been sent, and the provider cannot be asked. Please decide."
        row.transition_to(Status.HELD, error=reason)


def _retry_or_hold(row: Notification, result: LookupResult) -> None:
    if result.lookup.is_overdue:
        row.transition_to(Status.HELD, error=f"It may have been sent. {result.error} Please decide."[:250])
    else:
        due_at = _next_lookup_at(result.retry_after)
        _still_unknown(result.lookup).update(due_at=due_at, error=result.error[:250])


def _still_unknown(lookup: PendingLookup) -> QuerySet[Notification]:
    return Notification.objects.filter(pk=lookup.id, status=Status.UNKNOWN, looks=lookup.lookups)


def _next_lookup_at(at_least_seconds: float = 0.0) -> object:
    return Now() + timedelta(seconds=max(settings.LOOKUP_SETTLE_SECONDS, at_least_seconds))
