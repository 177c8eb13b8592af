"""The working hours in the form of a resource."""

import re
from datetime import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Location, Resource, WorkingHours
from tests.builders.bookings import add_hours, make_service

pytestmark = pytest.mark.django_db

ADD = reverse("admin:bookings_resource_add")
LIST = reverse("admin:bookings_resource_changelist")


def form_of(locations, *rows, **changes):
    """Return what the form sends; each row is (location, weekday, opens_at, closes_at)."""
    form = {"name": "Asha", "kind": "staff", "is_active": "on", "locations": [each.pk for each in locations], **changes}
    form |= {f"working_hours-{name}_FORMS": number for name, number in (("TOTAL", len(rows)), ("INITIAL", 0))}
    for number, (location, *values) in enumerate(rows):
        row = zip(("location", "weekday", "opens_at", "closes_at"), (location.pk, *values), strict=True)
        form |= {f"working_hours-{number}-{name}": value for name, value in row}
    return form


def add_resource(manager, locations, *rows):
    """Send the form; return the errors that it shows."""
    response = manager.post(ADD, form_of(locations, *rows))
    if response.context is None:
        return ""
    (formset,) = [each.formset for each in response.context["inline_admin_formsets"]]
    return f"{response.context['adminform'].form.errors} {formset.errors} {formset.non_form_errors()}"


@pytest.fixture
def clinic():
    return Location.objects.create(name="Clinic", timezone="Asia/Kolkata")


@pytest.mark.parametrize(
    ("closes_at", "stored"), [("24:00", time(0)), ("00:00", time(0)), ("02:00", time(2)), ("18:00", time(18))]
)
def test_hours_may_end_at_midnight_or_on_the_next_day(manager, clinic, closes_at, stored):
    errors = add_resource(manager, [clinic], (clinic, 0, "09:00", closes_at))

    assert (errors, WorkingHours.objects.get().closes_at) == ("", stored)


@pytest.mark.parametrize(("opens_at", "closes_at"), [("24:00", "02:00"), ("09:00", "24:30"), ("09:00", "25:00")])
def test_hours_at_a_time_that_does_not_exist_are_refused(manager, clinic, opens_at, closes_at):
    assert "Enter a valid time." in add_resource(manager, [clinic], (clinic, 0, opens_at, closes_at))
    assert not Resource.objects.exists()


def test_form_shows_midnight_as_the_end_of_the_day_and_explains_early_ends(manager, clinic):
    resource = Resource.objects.create(name="Asha")
    add_hours(resource, clinic, time(9), time(0))

    page = manager.get(reverse("admin:bookings_resource_change", args=[resource.pk])).content.decode()

    assert 'value="24:00"' in page
    assert "A time that is not after the opening is on the next day." in page


def test_form_shows_seconds_only_where_there_are_some(manager, clinic):
    resource = Resource.objects.create(name="Asha")
    add_hours(resource, clinic, time(9), time(23, 59, 59))

    page = manager.get(reverse("admin:bookings_resource_change", args=[resource.pk])).content.decode()

    assert set(re.findall(r'value="(\d\d:[\d:]+)"', page)) == {"09:00", "23:59:59"}


def test_form_is_saved_unchanged(manager, clinic):
    """24:00 is not a change of 00:00."""
    resource = Resource.objects.create(name="Asha")
    resource.locations.add(clinic)
    row = WorkingHours.objects.create(
        resource=resource, location=clinic, weekday=0, opens_at=time(22), closes_at=time(0)
    )
    form = form_of([clinic], (clinic, 0, "22:00:00", "24:00"), name="Asha Rao")
    form |= {"working_hours-INITIAL_FORMS": 1, "working_hours-0-id": row.pk, "working_hours-0-resource": resource.pk}

    response = manager.post(reverse("admin:bookings_resource_change", args=[resource.pk]), form)

    assert response.status_code == 302
    assert Resource.objects.get().name == "Asha Rao"
    assert WorkingHours.objects.get().closes_at == time(0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, "09:00", "12:00"), (0, "11:00", "13:00")),
        ((0, "22:00", "02:00"), (1, "01:00", "05:00")),
        ((6, "22:00", "02:00"), (0, "01:00", "05:00")),
    ],
    ids=["same day", "across midnight", "Sunday to Monday"],
)
def test_overlapping_hours_are_refused(manager, clinic, first, second):
    errors = add_resource(manager, [clinic], (clinic, *first), (clinic, *second))

    assert "overlaps" in errors
    assert not Resource.objects.exists()


def test_hours_that_touch_are_saved(manager, clinic):
    errors = add_resource(manager, [clinic], (clinic, 6, "22:00", "24:00"), (clinic, 0, "00:00", "02:00"))

    assert (errors, WorkingHours.objects.count()) == ("", 2)


def test_overlapping_hours_at_two_locations_are_refused(manager, clinic):
    salon = Location.objects.create(name="Salon", timezone="Asia/Kolkata")

    errors = add_resource(manager, [clinic, salon], (clinic, 0, "09:00", "12:00"), (salon, 0, "11:00", "13:00"))

    assert "Monday 09:00–12:00 at Clinic overlaps Monday 11:00–13:00 at Salon." in errors


def test_only_location_of_a_business_is_the_default(manager, clinic):
    form = manager.get(ADD).context["adminform"].form
    (formset,) = [each.formset for each in manager.get(ADD).context["inline_admin_formsets"]]

    assert (form["locations"].value(), formset.empty_form["location"].value()) == ([clinic.pk], clinic.pk)

    Location.objects.create(name="Salon")
    form = manager.get(ADD).context["adminform"].form
    assert not form["locations"].value()


def test_hours_at_another_location_let_the_resource_serve_it(manager, clinic):
    salon = Location.objects.create(name="Salon")

    errors = add_resource(manager, [clinic], (salon, 0, "09:00", "12:00"))

    assert (errors, set(Resource.objects.get().locations.all())) == ("", {clinic, salon})


def test_list_of_resources_names_their_locations(manager, clinic):
    service = make_service()
    service.resources.get().locations.add(clinic)
    with CaptureQueriesContext(connection) as few:
        manager.get(LIST)
    make_service(resources=2, slug="massage")

    with CaptureQueriesContext(connection) as many:
        page = manager.get(LIST).content.decode()

    assert re.findall(r'class="field-places">([^<]*)<', page) == [
        "Clinic, Lotus Clinic",
        "Lotus Clinic",
        "Lotus Clinic",
    ]
    assert len(many) == len(few)
