from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from notifications.jobs import prepare_lanes
from notifications.models import Lane
from tests.builders.bookings import make_booking, slot

pytestmark = pytest.mark.django_db(transaction=True)


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
