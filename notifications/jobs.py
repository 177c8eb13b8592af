"""The doors between django-q2 and the draining: entry points of queued jobs, and what starts them.

The notification table is the truth. A job that never ran, ran twice, or died half way changes nothing in the end.
"""

from django.conf import settings
from django.db import connection, transaction
from django_q.models import Schedule
from django_q.tasks import async_task

from notifications.drain import Drain
from notifications.models import Dispatcher
from notifications.pace import prepare_channels

DRAIN = "notifications.jobs.drain"
STALE_SECONDS = 6


def drain(slot: int) -> None:
    """Drain one slot for a slice. Queue rows hold this dotted path: rename it only with a shim left behind."""
    Drain(slot, hand_over=start_drain).run()


def start_drain(slot: int) -> None:
    """Queue the job that drains ``slot``, with the caller's transaction if there is one."""
    with transaction.atomic():  # outside one, django-q2 closes the connection
        async_task(DRAIN, slot)


def wake_drains() -> None:
    """Start the drains whose heartbeat is old, inside the caller's transaction; do nothing while they are alive.

    One caller in STALE_SECONDS wins the update, so a hundred bookings a second queue no hundred jobs.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_dispatcher SET kicked_at = clock_timestamp() WHERE slot IN (
                   SELECT slot FROM notifications_dispatcher
                   WHERE greatest(beat_at, kicked_at) IS NULL
                      OR greatest(beat_at, kicked_at) < clock_timestamp() - make_interval(secs => %s)
                   FOR UPDATE SKIP LOCKED)
               RETURNING slot""",
            [STALE_SECONDS],
        )
        stale = [slot for (slot,) in cursor.fetchall()]
    for slot in stale:
        start_drain(slot)


def prepare_drains() -> None:
    """Make the slots and their schedules exist, and start every drain. Run it whenever a worker starts."""
    prepare_channels()
    slots = range(settings.DRAIN_SLOTS)
    Dispatcher.objects.bulk_create([Dispatcher(slot=slot) for slot in slots], ignore_conflicts=True)
    Dispatcher.objects.filter(slot__gte=settings.DRAIN_SLOTS).delete()
    Schedule.objects.filter(func=DRAIN).exclude(name__in=[f"drain {slot}" for slot in slots]).delete()
    for slot in slots:
        # Should the chain of slices ever break while nobody books, the next minute picks it up.
        Schedule.objects.update_or_create(
            name=f"drain {slot}",
            defaults={"func": DRAIN, "args": f"({slot},)", "schedule_type": Schedule.MINUTES, "minutes": 1},
        )
        start_drain(slot)
