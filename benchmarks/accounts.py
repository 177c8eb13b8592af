"""Whether the books balance: what was answered, what stands in the database, what the providers accepted."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from bookings.models import Booking
from notifications.models import Notification
from sandbox.client import ACCEPTED, Entry, SandboxClient

# Twilio's callback path and our e-mails' Message-ID both carry the notification's id.
ITS_ID = re.compile(r"(?:/status/|^<)([0-9a-f]{8}-[0-9a-f-]{27})")
Status = Notification.Status
CALLBACKS_SECONDS = 0.5  # most callbacks on the last message have come by then


class AcceptLog:
    """Reads the sandbox's log piece by piece."""

    def __init__(self, client: SandboxClient) -> None:
        self._client = client
        self._seen = 0

    def new(self) -> list[Entry]:
        """Return what the providers accepted since the last call."""
        entries = self._client.log(self._seen)
        self._seen = entries[-1]["seq"] if entries else self._seen
        return [entry for entry in entries if entry["kind"] in ACCEPTED]


def times_accepted(entries: list[Entry]) -> Counter[str]:
    """Return how often each notification was accepted, by its id."""
    found = (ITS_ID.search(entry.get("status_callback") or entry.get("message_id", "")) for entry in entries)
    return Counter(match[1] for match in found if match)


def not_exactly_once(since: datetime, entries: list[Entry]) -> int:
    """Count the notifications owed since then that the providers did not accept exactly once, and strangers."""
    counts = times_accepted(entries)
    owed = {str(id) for id in _owed(since).values_list("id", flat=True)}
    return sum(counts[id] != 1 for id in owed | set(counts))


def _owed(since: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(created_at__gte=since).exclude(kind="booking_reminder")  # those are due later


def kept_since(since: datetime) -> tuple[int, int]:
    """Return how many bookings and how many messages have been written since then."""
    bookings = Booking.objects.filter(created_at__gte=since).count()
    return bookings, _owed(since).count()


def imbalance(kept: int, promised: int, in_doubt: int) -> int:
    """Return how many of what was promised are missing, or how many stand there that nobody can have asked for.

    ``in_doubt``: what calls without an answer would have made; they may have happened.
    """
    return max(0, promised - kept, kept - promised - in_doubt)


def settle(seconds: float = 60.0) -> bool:
    """Wait until no message is on its way any more; return whether that came about within ``seconds``."""
    on_their_way = Notification.objects.exclude(kind="booking_reminder").filter(
        status__in=[Status.QUEUED, Status.SENDING, Status.UNKNOWN]
    )
    end = time.monotonic() + seconds
    while on_their_way.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.25)
    time.sleep(CALLBACKS_SECONDS)
    return True


def claim_lags(since: datetime) -> list[float]:
    """Return the milliseconds from the change that owed a message to its first try, for all owed since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT 1000 * extract(epoch FROM a.started_at - n.created_at)::float
               FROM notifications_notification n JOIN notifications_attempt a ON a.notification_id = n.id
               WHERE a.number = 1 AND n.created_at >= %s""",
            [since],
        )
        return [lag for (lag,) in cursor.fetchall()]


def database_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone() or (None,)
        assert isinstance(now, datetime)
        return now
