"""The door between django-q2 and what payments owes. The rows say what is due; a job only looks at them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from bookings.database import database_is_away
from bookings.idempotency import forget_old_keys
from bookings.limits import forget_old_usage
from bookings.operations import expire_unanswered
from payments.checks import check_orders
from payments.comparison import NAME as COMPARISON
from payments.comparison import compare_if_due
from payments.inbox import forget_bodies, process_events
from payments.models import Sweep
from payments.refunds import send_refunds

SWEEP = "payments.jobs.sweep"
SLICE_SECONDS = 10.0  # well under django-q2's timeout, with a gateway's slowest answer on top
POLL_SECONDS = 0.25
LOCK = 0x0DA7  # of the advisory lock that one sweep at a time holds, on whatever host

log = logging.getLogger(__name__)

CHORES: list[Callable[[], int]] = [process_events, check_orders, send_refunds, expire_unanswered, compare_if_due]


def sweep() -> None:
    """Do what is due for a slice of time, and queue the next slice. Queue rows hold this dotted path."""
    if not _try_lock():
        return
    try:
        end = time.monotonic() + SLICE_SECONDS
        while time.monotonic() < end:
            if not do_what_is_due():
                time.sleep(POLL_SECONDS)
    finally:
        _unlock()
    start_sweep()


def do_what_is_due() -> int:
    """Do each chore once; return how much there was to do. A chore that fails does not stop the others."""
    return sum(_guarded(chore) for chore in CHORES) + _tidy_up()


def start_sweep() -> None:
    """Queue a sweep."""
    with transaction.atomic():  # outside one, django-q2 closes the connection
        async_task(SWEEP)


def prepare_sweep() -> None:
    """Make the schedule exist, and start the sweep. Run it whenever a worker starts."""
    for name in (COMPARISON, "tidying"):
        Sweep.objects.get_or_create(name=name)
    Schedule.objects.filter(func=SWEEP).exclude(name="payments").delete()
    Schedule.objects.update_or_create(
        name="payments",
        # Should the chain of slices ever break, the next minute picks it up.
        defaults={"func": SWEEP, "args": None, "schedule_type": Schedule.MINUTES, "minutes": 1},
    )
    start_sweep()


def _guarded(chore: Callable[[], int]) -> int:
    try:
        return chore()
    except (DatabaseError, InterfaceError) as error:
        if database_is_away(error):
            raise  # the next slice begins with a new connection
        log.exception("A chore failed: %s", chore.__name__)
    except Exception:
        # What it claimed comes up again when its lease is over.
        log.exception("A chore failed: %s", chore.__name__)
    return 0


def _tidy_up() -> int:
    tomorrow = timezone.now() + timedelta(days=1)
    if not Sweep.objects.filter(name="tidying", due_at__lte=timezone.now()).update(due_at=tomorrow):
        return 0
    return forget_old_keys() + forget_old_usage() + forget_bodies()


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _unlock() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    except (DatabaseError, InterfaceError):
        connection.close()  # the lock belongs to the session, and goes with it
