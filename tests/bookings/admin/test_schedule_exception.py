from datetime import datetime, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from bookings.models import Location, Resource, ScheduleException, Service
from bookings.operations import cancel_booking
from tests.builders.accounts import make_staff
from tests.builders.bookings import DESK, add_hours, make_booking, make_service, slot
from tests.builders.html_forms import read_form
from tests.threads import run_while_locked

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


def test_exception_without_location_has_no_error_about_its_resource(manager):
    resource = make_service().resources.get()
    values = {"starts_at": "2031-12-25T00:00", "ends_at": "2031-12-26T00:00", "location": "", "resource": resource.pk}

    response = manager.post(reverse("admin:bookings_scheduleexception_add"), values)

    assert [*response.context["adminform"].form.errors] == ["location"]


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
    assert "Still booked, although no longer possible (1): " in message
    assert active.reference in message
    assert other_day.reference not in message


@pytest.fixture
def two_locations():
    """A service here and one elsewhere, both with the same doctor, and a booking of each tomorrow."""
    here = make_service()
    elsewhere = Location.objects.create(name="Elsewhere", timezone="Asia/Kolkata")
    there = make_service(resources=0, slug="massage")
    Service.objects.filter(pk=there.pk).update(location=elsewhere)
    there.refresh_from_db()
    doctor = here.resources.get()
    doctor.services.add(there)
    add_hours(doctor, elsewhere, time(19), time(21))
    return make_booking(here), make_booking(there, starts_at=slot(hour=19))


@pytest.mark.parametrize(
    ("is_of_resource", "is_open", "warned"),
    [
        (False, False, [True, False]),
        (True, False, [True, True]),
        (True, True, [False, True]),
        (False, True, [False, False]),
    ],
    ids=["holiday", "time off", "extra hours", "extra hours of the location"],
)
def test_exception_lists_the_bookings_at_the_locations_that_it_closes(
    manager, two_locations, is_of_resource, is_open, warned
):
    booking, _ = two_locations
    times = {"starts_at": f"{slot(hour=0):%Y-%m-%dT%H:%M}", "ends_at": f"{slot(hour=23):%Y-%m-%dT%H:%M}"}
    resource = booking.resource_id if is_of_resource else ""
    form = exception_form_data(booking.service.location, **times, resource=resource)
    form |= {"is_open": "on"} if is_open else {}

    page = manager.post(reverse("admin:bookings_scheduleexception_add"), form, follow=True)

    message = " ".join(str(message) for message in page.context["messages"])
    assert [each.reference in message for each in two_locations] == warned


def test_exception_of_a_resource_that_is_not_at_the_location_is_refused(manager, two_locations):
    booking, _ = two_locations
    third = Location.objects.create(name="Third")

    form = exception_form_data(third, resource=booking.resource_id)
    page = manager.post(reverse("admin:bookings_scheduleexception_add"), form).content.decode()

    assert "This resource is not at that location." in page
    assert not ScheduleException.objects.exists()


@pytest.fixture
def root():
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))
    return client


def close(location, days):
    return ScheduleException.objects.create(
        location=location, starts_at=slot(days=days), ends_at=slot(hour=11, days=days)
    )


def send_while_locked(resource, then_lock, send):
    """Call ``send`` while another transaction has locked ``resource`` and then locks ``then_lock``."""

    def lock_second():
        type(then_lock).objects.select_for_update(no_key=True).get(pk=then_lock.pk)

    def send_and_check():
        assert send().status_code == 302

    return run_while_locked(Resource.objects.filter(pk=resource.pk), lock_second, send_and_check)


@pytest.mark.django_db(transaction=True)
def test_deletion_of_exceptions_at_two_locations_locks_resources_in_key_order(root):
    here = Location.objects.create(name="Here")
    there = Location.objects.create(name="There")
    first, second = (Resource.objects.create(name=name) for name in ("Asha", "Ravi"))
    add_hours(first, here)
    add_hours(second, there)
    selected = [close(there, days=3).pk, close(here, days=2).pk]  # the list shows the latest first
    sent = {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    url = reverse("admin:bookings_scheduleexception_changelist")

    assert send_while_locked(first, second, lambda: root.post(url, sent)) == []
    assert not ScheduleException.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_change_of_an_exception_locks_its_resources_first(root):
    location = Location.objects.create(name="Here")
    doctor = Resource.objects.create(name="Asha")
    add_hours(doctor, location)
    holiday = close(location, days=2)
    url = reverse("admin:bookings_scheduleexception_change", args=[holiday.pk])
    sent = {**read_form(root.get(url)), "reason": "Diwali"}

    assert send_while_locked(doctor, holiday, lambda: root.post(url, sent)) == []
    holiday.refresh_from_db()
    assert holiday.reason == "Diwali"
