from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from bookings.models import Location, ScheduleException
from bookings.operations import cancel_booking
from tests.builders.bookings import DESK, make_booking, make_service, slot

pytestmark = pytest.mark.django_db


def exception_form_data(location, **changes):
    times = {"starts_at": "2031-12-25T00:00", "ends_at": "2031-12-26T00:00"}
    return {"location": location.pk, "reason": "Christmas", **times, **changes}


def test_exception_times_are_entered_in_the_zone_of_the_location(manager):
    location = Location.objects.create(name="New York", timezone="America/New_York")

    manager.post(reverse("admin:bookings_scheduleexception_add"), exception_form_data(location))

    holiday = ScheduleException.objects.get()
    page = manager.get(reverse("admin:bookings_scheduleexception_change", args=[holiday.pk])).content.decode()
    assert holiday.starts_at == datetime(2031, 12, 25, tzinfo=location.zone)
    assert holiday.ends_at == datetime(2031, 12, 26, tzinfo=location.zone)
    assert 'value="2031-12-25T00:00"' in page
    assert (
        "Thu 25 Dec 2031, 00:00" in manager.get(reverse("admin:bookings_scheduleexception_changelist")).content.decode()
    )


def test_exception_times_are_shown_in_the_zone_of_the_location(front_desk):
    location = Location.objects.create(name="New York", timezone="America/New_York")
    starts_at = datetime(2031, 12, 25, tzinfo=location.zone)
    holiday = ScheduleException.objects.create(
        location=location, starts_at=starts_at, ends_at=starts_at + timedelta(days=1)
    )

    page = front_desk.get(reverse("admin:bookings_scheduleexception_change", args=[holiday.pk])).content.decode()

    assert "Thu 25 Dec 2031, 00:00" in page


def test_exception_without_location_is_refused(manager):
    values = {"starts_at": "2031-12-25T00:00", "ends_at": "2031-12-26T00:00", "location": ""}

    page = manager.post(reverse("admin:bookings_scheduleexception_add"), values).content.decode()

    assert "errornote" in page
    assert not ScheduleException.objects.exists()


def test_exception_that_ends_before_it_starts_is_refused(manager):
    location = Location.objects.create(name="Anywhere")

    page = manager.post(
        reverse("admin:bookings_scheduleexception_add"), exception_form_data(location, ends_at="2031-12-24T00:00")
    ).content.decode()

    assert "errornote" in page
    assert not ScheduleException.objects.exists()


def test_closing_exception_lists_bookings_at_that_time(manager):
    service = make_service(resources=2)
    active, cancelled = make_booking(service), make_booking(service)
    other_day = make_booking(service, starts_at=slot(days=2))
    cancel_booking(booking_id=cancelled.pk, actor=DESK)
    times = {"starts_at": f"{slot(hour=0):%Y-%m-%dT%H:%M}", "ends_at": f"{slot(hour=23):%Y-%m-%dT%H:%M}"}

    page = manager.post(
        reverse("admin:bookings_scheduleexception_add"), exception_form_data(service.location, **times), follow=True
    )

    message = " ".join(str(message) for message in page.context["messages"])
    assert f"Still booked: {active.reference}." in message
    assert other_day.reference not in message
