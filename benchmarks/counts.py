"""Compare the responses, the rows of the database and the messages that the providers accepted."""

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
NOTIFICATION_ID = re.compile(r"(?:/status/|^<)([0-9a-f]{8}-[0-9a-f-]{27})")
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
    """Return how many times each notification was accepted, by its id."""
    found = (NOTIFICATION_ID.search(entry.get("status_callback") or entry.get("message_id", "")) for entry in entries)
    return Counter(match[1] for match in found if match)


def not_exactly_once(since: datetime, entries: list[Entry]) -> int:
    """Count the notifications since then that were not accepted exactly once, and accepted unknown ones."""
    counts = times_accepted(entries)
    expected = {str(id) for id in _expected_messages(since).values_list("id", flat=True)}
    return sum(counts[id] != 1 for id in expected | set(counts))


def _expected_messages(since: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(created_at__gte=since).exclude(kind="booking_reminder")  # those are due later


def count_rows_since(since: datetime) -> tuple[int, int]:
    """Return how many bookings and messages were written since then."""
    bookings = Booking.objects.filter(created_at__gte=since).count()
    return bookings, _expected_messages(since).count()


def difference(found: int, expected: int, unanswered: int) -> int:
    """Return how many of the expected rows are missing, or how many rows are unexplained.

    ``unanswered``: the rows of calls without a response, which may have been carried out.
    """
    return max(0, expected - found, found - expected - unanswered)


def settle(seconds: float = 60.0) -> bool:
    """Wait until every message is settled; return whether that took at most ``seconds``."""
    unsettled = Notification.objects.exclude(kind="booking_reminder").filter(
        status__in=[Status.QUEUED, Status.SENDING, Status.UNKNOWN]
    )
    end = time.monotonic() + seconds
    while unsettled.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.25)
    time.sleep(CALLBACKS_SECONDS)
    return True


def claim_lags(since: datetime) -> list[float]:
    """Return the milliseconds from a change to the first attempt of its message, for all messages since then."""
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
