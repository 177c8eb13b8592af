"""The doors between django-q2 and the draining: entry points of queued jobs, and what starts them.

The notification table is the truth. A job that never ran, ran twice, or died half way changes nothing in the end.
"""

from django.conf import settings
from django.db import connection, transaction
from django_q.models import Schedule
from django_q.tasks import async_task

from notifications.delivery.drain import Drain
from notifications.delivery.rate_control import prepare_channels
from notifications.models import Lane

DRAIN = "notifications.jobs.drain"
STALE_SECONDS = 6


def drain(lane: int) -> None:
    """Drain one lane for a slice. Queue rows hold this dotted path: rename it only with a shim left behind."""
    Drain(lane, hand_over=start_drain).run()


def start_drain(lane: int) -> None:
    """Queue the job that drains ``lane``, with the caller's transaction if there is one."""
    with transaction.atomic():  # outside one, django-q2 closes the connection
        async_task(DRAIN, lane)


def wake_drains() -> None:
    """Start the drains whose heartbeat is old, inside the caller's transaction; do nothing while they are alive.

    One caller in STALE_SECONDS wins the update, so a hundred bookings a second queue no hundred jobs.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_lane SET kicked_at = clock_timestamp() WHERE number IN (
                   SELECT number FROM notifications_lane
                   WHERE greatest(beat_at, kicked_at) IS NULL
                      OR greatest(beat_at, kicked_at) < clock_timestamp() - make_interval(secs => %s)
                   FOR UPDATE SKIP LOCKED)
               RETURNING number""",
            [STALE_SECONDS],
        )
        stale = [lane for (lane,) in cursor.fetchall()]
    for lane in stale:
        start_drain(lane)


def prepare_drains() -> None:
    """Make the lanes and their schedules exist, and start every drain. Run it whenever a worker starts."""
    prepare_channels()
    lanes = range(settings.DRAIN_SLOTS)
    Lane.objects.bulk_create([Lane(number=lane) for lane in lanes], ignore_conflicts=True)
    Lane.objects.filter(number__gte=settings.DRAIN_SLOTS).delete()
    Schedule.objects.filter(func=DRAIN).exclude(name__in=[f"drain {lane}" for lane in lanes]).delete()
    for lane in lanes:
        # Should the chain of slices ever break while nobody books, the next minute picks it up.
        Schedule.objects.update_or_create(
            name=f"drain {lane}",
            defaults={"func": DRAIN, "args": f"({lane},)", "schedule_type": Schedule.MINUTES, "minutes": 1},
        )
        start_drain(lane)
