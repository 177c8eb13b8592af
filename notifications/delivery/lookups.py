"""What became of the messages whose sending ended in doubt: ask the provider, never guess.

Rows in doubt are due for a look-up once the provider has had time to settle. Found: accepted. Absent twice: queued
again. Nobody who could be asked, or no answer for a day: held, until a person decides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from notifications import providers
from notifications.messages.kinds import KINDS
from notifications.models import Notification
from notifications.providers.base import Accepted, ProviderOutcomeUnknown

log = logging.getLogger(__name__)

ABSENT_LOOKS = 2  # the first one may have come before the provider's list did
HOLD_AFTER_HOURS = 24
LOOK_SECONDS = 60  # longer than any look-up: one whose worker died is made again

Status = Notification.Status


@dataclass(frozen=True)
class PendingLookup:
    """A message that may have been sent, copied out of the database for the thread that asks about it."""

    id: UUID
    channel: Notification.Channel
    kind: str
    address: str
    body: str
    looks: int
    first_try_at: datetime
    is_old: bool


@dataclass(frozen=True)
class LookupResult:
    """What a look-up brought: the provider's receipt, or proof that there is none, or ``trouble`` in asking."""

    doubt: PendingLookup
    found: Accepted | None = None
    trouble: str = ""


def claim_lookups(*, room: int) -> list[PendingLookup]:
    """Take up to ``room`` messages whose look-up is due; committed on return."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notifications_notification n SET due_at = clock_timestamp() + make_interval(secs => %(look)s)
            FROM (SELECT id FROM notifications_notification
                  WHERE status = 'unknown' AND due_at <= statement_timestamp()
                  ORDER BY due_at LIMIT %(room)s FOR UPDATE SKIP LOCKED) AS due
            WHERE n.id = due.id
            RETURNING n.id, n.channel, n.kind, n.address, n.body, n.looks,
                (SELECT min(started_at) FROM notifications_attempt WHERE notification_id = n.id),
                n.unknown_since < clock_timestamp() - make_interval(hours => %(hours)s)
            """,
            {"look": LOOK_SECONDS, "room": room, "hours": HOLD_AFTER_HOURS},
        )
        return [
            PendingLookup(id, Notification.Channel(channel), kind, address, body, looks, first_try_at, is_old)
            for id, channel, kind, address, body, looks, first_try_at, is_old in cursor.fetchall()
        ]


def look_up(doubt: PendingLookup) -> LookupResult:
    """Ask the provider. Never raises; holds no database connection."""
    if not providers.can_be_asked(doubt.channel):
        return LookupResult(doubt)
    try:
        found = providers.find(channel=doubt.channel, address=doubt.address, body=doubt.body, since=doubt.first_try_at)
    except ProviderOutcomeUnknown as error:
        return LookupResult(doubt, trouble=str(error))
    except Exception as bug:
        log.exception("Looking up notification %s ended in a bug", doubt.id)
        return LookupResult(doubt, trouble=f"A fault in Daybook itself: {type(bug).__name__}")
    return LookupResult(doubt, found)


def record_lookup(finding: LookupResult) -> None:
    """Move the row to what was found; a row that a callback has settled meanwhile stays as it is."""
    doubt = finding.doubt
    row = Notification(pk=doubt.id)
    if finding.found is not None:
        row.transition_to(
            Status.ACCEPTED, provider_id=finding.found.provider_id, accepted_at=Now(), error="", error_code=""
        )
    elif not providers.can_be_asked(doubt.channel):
        _decide_blindly(row, doubt)
    elif finding.trouble:
        _ask_later(row, doubt, finding.trouble)
    elif doubt.looks + 1 < ABSENT_LOOKS:
        _look_again(doubt)
    else:
        row.transition_to(Status.QUEUED, due_at=Now(), looks=0, error="The provider has no such message: sent again.")


def _decide_blindly(row: Notification, doubt: PendingLookup) -> None:
    """A mail server cannot be asked (RFC 1047): its kind says whether twice is better than never."""
    if KINDS[doubt.kind].twice_beats_never and doubt.looks == 0:
        row.transition_to(
            Status.QUEUED, due_at=Now(), looks=1, error="It may have been sent: sent once more to be sure."
        )
    else:
        row.transition_to(Status.HELD, error="It may have been sent, and a mail server cannot be asked. Please decide.")


def _ask_later(row: Notification, doubt: PendingLookup, trouble: str) -> None:
    if doubt.is_old:
        row.transition_to(Status.HELD, error=f"It may have been sent. {trouble} Please decide."[:250])
    else:
        settle = timedelta(seconds=settings.LOOKUP_SETTLE_SECONDS)
        _in_doubt(doubt).update(due_at=Now() + settle, error=trouble[:250])


def _look_again(doubt: PendingLookup) -> None:
    settle = timedelta(seconds=settings.LOOKUP_SETTLE_SECONDS)
    _in_doubt(doubt).update(due_at=Now() + settle, looks=F("looks") + 1)


def _in_doubt(doubt: PendingLookup) -> QuerySet[Notification]:
    return Notification.objects.filter(pk=doubt.id, status=Status.UNKNOWN, looks=doubt.looks)
