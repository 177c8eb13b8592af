"""The jobs that drain the lanes. The notification table is the source of truth.

A job that never runs, runs twice or dies halfway does not change the final result.
"""

from django.conf import settings
from django.db import connection

from foundation.job_queue import queue_job
from notifications.delivery.drain import Drain
from notifications.delivery.rate_control import prepare_channels
from notifications.models import Lane
from notifications.operations.off_periods import record_off_periods

DRAIN = "drain"
STALE_SECONDS = 6

# The lanes with a stale heartbeat. Only one caller per STALE_SECONDS marks them, so that 100 bookings a second do not
# queue 100 jobs.
MARK_STALE_LANES = """
    UPDATE notifications_lane SET kicked_at = clock_timestamp() WHERE number IN (
        SELECT number FROM notifications_lane
        WHERE greatest(beat_at, kicked_at) IS NULL
           OR greatest(beat_at, kicked_at) < clock_timestamp() - make_interval(secs => %s)
        FOR UPDATE SKIP LOCKED)
    RETURNING number
"""


def drain(lane: int) -> None:
    """Job entry point."""
    Drain(lane, start_next=queue_drain).run()


def queue_drain(lane: int) -> None:
    """Queue the job that drains ``lane``, in the caller's transaction if there is one."""
    queue_job(DRAIN, lane)


def wake_lanes() -> None:
    """Queue a drain for each lane without a recent heartbeat, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_STALE_LANES, [STALE_SECONDS])
        stale_lanes = [lane for (lane,) in cursor.fetchall()]
    for lane in stale_lanes:
        queue_drain(lane)


def prepare_lanes() -> None:
    """Create missing channel states and lanes, delete surplus lanes, and record which channels are not in use."""
    prepare_channels()
    record_off_periods()
    Lane.objects.bulk_create([Lane(number=lane) for lane in range(settings.DELIVERY_LANES)], ignore_conflicts=True)
    Lane.objects.filter(number__gte=settings.DELIVERY_LANES).delete()


def start_lanes() -> None:
    """Queue a drain for every lane; one that is drained already is left alone."""
    for lane in range(settings.DELIVERY_LANES):
        queue_drain(lane)
