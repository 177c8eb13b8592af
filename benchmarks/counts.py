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
from sandbox.client import ACCEPTED, SIMULATED_CHANNELS, Entry, SandboxClient

# Twilio's callback path and our e-mails' Message-ID both carry the notification's id.
NOTIFICATION_ID = re.compile(r"(?:/status/|^<)([0-9a-f]{8}-[0-9a-f-]{27})")
Status = Notification.Status
CALLBACKS_SECONDS = 0.5  # by then most callbacks for the last message have arrived


class AcceptLog:
    """Reads the sandbox's log incrementally."""

    def __init__(self, client: SandboxClient) -> None:
        self._client = client
        self._last_seq = 0

    def read_new(self) -> list[Entry]:
        """Return the messages that the providers accepted since the last call."""
        entries = self._client.log(self._last_seq)
        self._last_seq = entries[-1]["seq"] if entries else self._last_seq
        return [entry for entry in entries if entry["kind"] in ACCEPTED]


def count_accepted(entries: list[Entry]) -> Counter[str]:
    """Return how many times each notification was accepted, by the notification's id."""
    matches = (NOTIFICATION_ID.search(entry.get("status_callback") or entry.get("message_id", "")) for entry in entries)
    return Counter(match[1] for match in matches if match)


def count_not_accepted_once(since: datetime, entries: list[Entry]) -> int:
    """Count the notifications since then that were not accepted exactly once, and accepted messages without a row."""
    counts = count_accepted(entries)
    simulated = _expected_messages(since).filter(channel__in=SIMULATED_CHANNELS)
    expected = {str(id) for id in simulated.values_list("id", flat=True)}
    return sum(counts[id] != 1 for id in expected | set(counts))


def _expected_messages(since: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(created_at__gte=since).exclude(kind="booking_reminder")  # due later


def count_rows_since(since: datetime) -> tuple[int, int]:
    """Return how many bookings and messages were written since then."""
    bookings = Booking.objects.filter(created_at__gte=since).count()
    return bookings, _expected_messages(since).count()


def count_differences(actual: int, expected: int, without_response: int) -> int:
    """Return how many of the expected rows are missing, or how many rows are unexpected.

    ``without_response``: the rows of calls without a response, which may have been carried out.
    """
    return max(0, expected - actual, actual - expected - without_response)


def wait_until_settled(seconds: float = 60.0) -> bool:
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
    """Return the milliseconds from the creation of each message since then to its first attempt."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT 1000 * extract(epoch FROM a.started_at - n.created_at)::float
               FROM notifications_notification n JOIN notifications_attempt a ON a.notification_id = n.id
               WHERE a.number = 1 AND n.created_at >= %s""",
            [since],
        )
        return [lag for (lag,) in cursor.fetchall()]


def database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone() or (None,)
        assert isinstance(now, datetime)
        return now
