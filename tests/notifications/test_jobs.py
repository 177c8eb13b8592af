from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from notifications.jobs import prepare_lanes, queue_drain
from notifications.models import Lane
from runtime.queue import discard_unknown_jobs
from tests.builders.bookings import make_booking, slot

pytestmark = pytest.mark.django_db(transaction=True)


class UnpicklableFunction:
    def __reduce__(self):
        return (__import__, ("missing_module",))


@pytest.mark.slow
def test_booking_wakes_only_lanes_without_a_recent_heartbeat():
    prepare_lanes()
    OrmQ.objects.all().delete()
    Lane.objects.update(beat_at=timezone.now())
    make_booking()
    jobs_with_fresh_heartbeat = OrmQ.objects.count()
    Lane.objects.update(beat_at=timezone.now() - timedelta(minutes=1))

    make_booking(starts_at=slot(hour=12))

    assert (jobs_with_fresh_heartbeat, OrmQ.objects.count()) == (0, Lane.objects.count())


def test_discard_unknown_jobs_keeps_valid_jobs():
    queue_drain(0)
    for payload in (
        SignedPackage.dumps({"func": UnpicklableFunction()}),
        "unsigned",
        SignedPackage.dumps({"func": "os.system"}),
    ):
        OrmQ.objects.create(key="daybook", payload=payload, lock=timezone.now())

    discard_unknown_jobs()

    assert [SignedPackage.loads(row.payload)["args"] for row in OrmQ.objects.all()] == [(0,)]
