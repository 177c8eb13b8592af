from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from bookings.models import Booking, Location, Resource, ScheduleException, Session, WorkingHours
from bookings.operations import cancel_booking
from foundation.timezones import format_local_time
from tests.builders.accounts import make_staff
from tests.builders.bookings import DESK, KOLKATA, make_booking, make_class, make_room, make_service, slot
from tests.builders.html_forms import read_form
from tests.threads import run_while_locked

pytestmark = pytest.mark.django_db

DUBAI = ZoneInfo("Asia/Dubai")


@pytest.fixture
def superuser():
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))
    return client


def change_page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def save(client, row, **changes):
    """Change the row with its form; return the messages, without that about the success."""
    sent = {**read_form(client.get(change_page(row))), **changes}
    response = client.post(
        change_page(row), {name: value for name, value in sent.items() if value is not None}, follow=True
    )
    assert "adminform" not in (response.context or {}), response.context["adminform"].form.errors
    return shown_messages(response)


def shown_messages(response):
    return [str(m) for m in response.context["messages"] if "successfully" not in str(m).lower()]


def conflict(booking, reason):
    """Return the message about the only booking that a change no longer allows."""
    return (
        f"Still booked, although no longer possible (1): {booking.reference} "
        f"({format_local_time(booking.starts_at, KOLKATA)}: {reason}). "
        "Reschedule or cancel them; the customers will be notified."
    )


def texts(messages):
    return [strip_tags(message) for message in messages]


def remove_all_hours(client, resource):
    count = resource.working_hours.count()
    return save(client, resource, **{f"working_hours-{number}-DELETE": "on" for number in range(count)})


def test_removed_hours_list_the_bookings_in_them(superuser):
    service = make_service(resources=2)
    booking = make_booking(service)
    cancelled = make_booking(service, resource=booking.resource, starts_at=slot(hour=12))
    cancel_booking(booking_id=cancelled.pk, actor=DESK)

    messages = remove_all_hours(superuser, booking.resource)

    assert texts(messages) == [conflict(booking, f"{booking.resource} is not available then")]
    assert f'<a href="{change_page(booking)}">' in messages[0]


def test_shorter_hours_list_only_the_bookings_outside(superuser):
    service = make_service()
    booking = make_booking(service)
    make_booking(service, starts_at=slot(hour=15))
    hours = {f"working_hours-{number}-opens_at": "11:00" for number in range(7)}

    messages = save(superuser, booking.resource, **hours)

    assert texts(messages) == [conflict(booking, f"{booking.resource} is not available then")]


def test_change_that_affects_no_booking_is_saved_without_a_warning(superuser):
    service = make_service()
    booking = make_booking(service)

    messages = [*save(superuser, service, description="New"), *save(superuser, booking.resource, name="Dr. Rao")]

    assert messages == []


def test_conflicts_of_an_earlier_change_are_not_listed_again(superuser):
    booking = make_booking(make_service(resources=2))
    remove_all_hours(superuser, booking.resource)

    assert save(superuser, booking.service, description="New") == []


@pytest.mark.parametrize("page", ["resource", "service"])
def test_removing_a_service_from_a_resource_lists_its_bookings(superuser, page):
    service = make_service(resources=2)
    booking = make_booking(service)
    if page == "resource":
        messages = save(superuser, booking.resource, services=[])
    else:
        sent = read_form(superuser.get(change_page(service)))
        names = [name for name in sent if name.endswith("-resource") and sent[name] == [str(booking.resource_id)]]
        messages = save(superuser, service, **{names[0].replace("-resource", "-DELETE"): "on"})

    assert texts(messages) == [conflict(booking, f"{booking.resource} does not offer {service}")]


@pytest.mark.parametrize("page", ["resource", "service", "room"])
def test_deactivating_lists_the_bookings(superuser, page):
    service = make_service(resources=2)
    rooms = [make_room(service, name) for name in ("Room 1", "Room 2")]
    booking = make_booking(service)
    room = booking.allocations.get(resource__in=rooms).resource
    row = {"resource": booking.resource, "service": service, "room": room}[page]

    messages = save(superuser, row, is_active=None)

    assert texts(messages) == [conflict(booking, f"{row} is inactive")]


def test_moving_a_service_to_another_location_lists_its_bookings(superuser):
    service = make_service()
    booking = make_booking(service)
    other = Location.objects.create(name="Other")

    messages = save(superuser, service, location=other.pk)

    assert texts(messages) == [
        conflict(booking, f"{booking.resource} does not offer {service}"),
        f"Customers cannot book {service}: no resource at its location offers it.",
    ]


@pytest.mark.parametrize("path", ["page", "list"])
def test_deleting_special_hours_lists_the_bookings_in_them(superuser, path):
    service = make_service()
    opened = ScheduleException.objects.create(
        location=service.location, starts_at=slot(hour=18), ends_at=slot(hour=22), is_open=True
    )
    booking = make_booking(service, starts_at=slot(hour=20))
    url = reverse("admin:bookings_scheduleexception_delete", args=[opened.pk])
    sent = {"post": "yes"}
    if path == "list":
        url = reverse("admin:bookings_scheduleexception_changelist")
        sent |= {"action": "delete_selected", "_selected_action": [opened.pk]}

    messages = shown_messages(superuser.post(url, sent, follow=True))

    assert texts(messages) == [conflict(booking, f"{booking.resource} is not available then")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["change", "add", "delete"])
def test_booking_that_is_made_concurrently_is_listed(superuser, path):
    service, messages = make_service(), []
    resource = service.resources.get()
    day = {"location": service.location, "starts_at": slot(hour=0), "ends_at": slot(hour=23)}
    if path == "change":
        url, sent, hour = change_page(resource), read_form(superuser.get(change_page(resource))), 10
        del sent["is_active"]
    elif path == "add":
        url, hour = reverse("admin:bookings_scheduleexception_add"), 10
        times = {name: f"{day[name]:%Y-%m-%dT%H:%M}" for name in ("starts_at", "ends_at")}
        sent = {"location": service.location_id, "reason": "Holiday", **times}
    else:
        opened = ScheduleException.objects.create(**day, is_open=True)
        url, sent, hour = reverse("admin:bookings_scheduleexception_delete", args=[opened.pk]), {"post": "yes"}, 20

    def send():
        messages.extend(shown_messages(superuser.post(url, sent, follow=True)))

    errors = run_while_locked(Resource.objects.all(), lambda: make_booking(service, starts_at=slot(hour=hour)), send)

    assert errors == []
    assert "Still booked, although no longer possible (1)" in messages[0]


def test_conflicts_on_several_days_are_listed(superuser):
    service = make_service()
    for days in (1, 3):
        make_booking(service, starts_at=slot(days=days))

    messages = remove_all_hours(superuser, service.resources.get())

    assert messages[0].startswith("Still booked, although no longer possible (2): ")


def test_past_bookings_and_sessions_are_not_listed(superuser):
    yoga = make_class()
    make_booking(yoga, party_size=5)
    yesterday = {"starts_at": slot(days=-1), "ends_at": slot(days=-1, hour=11)}
    Booking.objects.update(**yesterday)
    Session.objects.update(**yesterday)

    assert save(superuser, yoga, capacity="4") == []
    assert save(superuser, yoga, is_active=None) == []


def test_more_than_ten_conflicts_are_counted(superuser):
    service = make_service()
    for number in range(11):
        make_booking(service, starts_at=slot(hour=9) + timedelta(minutes=30 * number))

    messages = texts(save(superuser, service.resources.get(), is_active=None))

    assert messages[0].startswith("Still booked, although no longer possible (11): BK-")
    assert " and 1 more. Reschedule" in messages[0]


def test_smaller_capacity_lists_the_overbooked_sessions(superuser):
    yoga = make_class()
    make_booking(yoga, party_size=5)
    make_booking(yoga, party_size=3, starts_at=slot(hour=12))
    session = Session.objects.get(booked=5)

    messages = save(superuser, yoga, capacity="4")

    assert texts(messages) == [
        f"Sessions with more people than the 4 places (1): {format_local_time(slot(), KOLKATA)} (5 booked). "
        "Reschedule or cancel some of their bookings, or raise the capacity."
    ]
    assert change_page(session) in messages[0]


def test_changed_price_and_duration_state_what_bookings_keep(superuser):
    service = make_service()
    make_booking(service)

    messages = save(superuser, service, price_minor="700", duration_minutes="45", min_notice_minutes="5")

    assert messages == ["1 upcoming booking keeps what the customer was promised: duration, price."]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("no resource", "no resource at its location offers it"),
        ("inactive", "each resource of the kind “Staff” that offers it is inactive"),
        ("no hours", "the staff who offer it have no working hours at its location"),
        ("hours elsewhere", "the staff who offer it have no working hours at its location"),
    ],
)
def test_service_without_slots_is_reported(superuser, state, reason):
    service = make_service(resources=0 if state == "no resource" else 1)
    Resource.objects.update(is_active=state != "inactive")
    if state == "no hours":
        WorkingHours.objects.all().delete()
    if state == "hours elsewhere":
        WorkingHours.objects.update(location=Location.objects.create(name="Elsewhere"))

    assert save(superuser, service, name="Visit") == [f"Customers cannot book Visit: {reason}."]


def test_service_with_only_a_room_needs_no_working_hours(superuser):
    service = make_service(resources=0)
    make_room(service)

    assert save(superuser, service, name="Visit") == []


@pytest.mark.parametrize("path", ["change", "page", "list"])
def test_removing_the_last_resource_of_a_service_is_reported(superuser, path):
    service = make_service()
    resource = service.resources.get()
    listing = reverse("admin:bookings_resource_changelist")
    if path == "change":
        messages = save(superuser, resource, services=[])
    elif path == "page":
        deletion = reverse("admin:bookings_resource_delete", args=[resource.pk])
        messages = shown_messages(superuser.post(deletion, {"post": "yes"}, follow=True))
    else:
        sent = {"action": "delete_selected", "_selected_action": [resource.pk], "post": "yes"}
        messages = shown_messages(superuser.post(listing, sent, follow=True))

    assert messages == [f"Customers cannot book {service}: no resource at its location offers it."]


def test_corrected_time_zone_keeps_holidays_and_lists_promised_bookings(superuser):
    service = make_service()
    day = slot(days=2, hour=0)
    ScheduleException.objects.create(location=service.location, starts_at=day, ends_at=day + timedelta(days=1))
    booking = make_booking(service, starts_at=slot(hour=16))

    messages = save(superuser, service.location, timezone="Asia/Dubai")

    holiday = ScheduleException.objects.get()
    assert holiday.starts_at == day.replace(tzinfo=DUBAI)
    assert holiday.ends_at == (day + timedelta(days=1)).replace(tzinfo=DUBAI)
    assert texts(messages) == [
        "Booked in another time zone (1): "
        f"{booking.reference} (booked for {format_local_time(booking.starts_at, KOLKATA)}; "
        f"in the new time zone this is {format_local_time(booking.starts_at, DUBAI)}). "
        "Reschedule or cancel them; the customers will be notified."
    ]


def test_saving_an_unchanged_time_zone_lists_nothing(superuser):
    service = make_service()
    make_booking(service)

    assert save(superuser, service.location, address="1 Main Street") == []


def test_renamed_time_zone_lists_nothing(superuser):
    service = make_service()
    make_booking(service)

    assert save(superuser, service.location, timezone="Asia/Calcutta") == []
