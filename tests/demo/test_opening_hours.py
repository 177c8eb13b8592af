from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import reschedule_booking
from demo.opening_hours import open_now
from tests.builders.bookings import DESK, make_booking, make_service, slot

pytestmark = pytest.mark.django_db


def visit_now(service):
    booking = make_booking(service, starts_at=slot(days=2))
    start = datetime.fromisoformat(open_now(service.slug))
    return reschedule_booking(booking_id=booking.pk, starts_at=start, resource=None, actor=DESK)


def test_open_now_opens_the_location_this_minute():
    booking = visit_now(make_service())

    assert timezone.now() - booking.starts_at < timedelta(minutes=2)


def test_open_now_starts_later_while_every_resource_is_occupied():
    service = make_service()
    first = visit_now(service)

    second = visit_now(service)

    assert second.starts_at >= Booking.objects.get(pk=first.pk).ends_at
