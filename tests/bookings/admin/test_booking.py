from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Location, ScheduleException, Service, Session
from bookings.operations import cancel_booking, complete_booking, confirm_booking
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service, next_dst_transitions, slot
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

LIST_QUERIES = 9
LIST = reverse("admin:bookings_booking_changelist")
ADD = reverse("admin:bookings_booking_add")


@pytest.fixture
def front_desk():
    client = Client()
    client.force_login(make_staff())
    return client


@pytest.fixture
def onlooker():
    """A user who may only view bookings."""
    user = make_staff("onlooker", group=None)
    user.user_permissions.add(Permission.objects.get(codename="view_booking"))
    client = Client()
    client.force_login(user)
    return client


def press(client, booking, button):
    return client.post(f"/admin/bookings/booking/{booking.pk}/actions/{button}/")


def test_the_front_desk_confirms_and_completes_with_a_button(front_desk):
    booking = make_booking()

    press(front_desk, booking, "confirm")
    booking.refresh_from_db()
    confirmed = booking.status
    press(front_desk, booking, "complete")

    booking.refresh_from_db()
    assert (confirmed, booking.status) == ("confirmed", "completed")


def test_a_link_confirms_nothing(front_desk):
    booking = make_booking()

    response = front_desk.get(f"/admin/bookings/booking/{booking.pk}/actions/confirm/")

    booking.refresh_from_db()
    assert (response.status_code, booking.status) == (405, "pending")


@pytest.mark.parametrize("button", ["confirm", "complete"])
def test_button_without_permission_is_refused(onlooker, button):
    booking = make_booking()
    if button == "complete":
        confirm_booking(booking_id=booking.pk, actor=DESK)
    before = Booking.objects.get(pk=booking.pk).status

    response = press(onlooker, booking, button)

    assert (response.status_code, Booking.objects.get(pk=booking.pk).status) == (403, before)


def test_a_bulk_confirm_says_what_it_skipped_and_why(front_desk):
    service = make_service(resources=3)
    waiting, confirmed, done = (make_booking(service) for _ in range(3))
    for booking in (confirmed, done):
        confirm_booking(booking_id=booking.pk, actor=DESK)
    complete_booking(booking_id=done.pk, actor=DESK)

    response = front_desk.post(
        LIST, {"action": "confirm_selected", "_selected_action": [waiting.pk, confirmed.pk, done.pk]}, follow=True
    )

    waiting.refresh_from_db()
    said, skipped = (str(message) for message in response.context["messages"])
    assert (waiting.status, said) == ("confirmed", "1 confirmed.")
    assert skipped.startswith("2 skipped: ")
    assert f"{done.reference} is completed" in skipped
    assert f"{confirmed.reference} is already confirmed" in skipped


def test_bulk_action_without_permission_is_not_offered(onlooker):
    booking = make_booking()

    onlooker.post(LIST, {"action": "confirm_selected", "_selected_action": [booking.pk]})

    assert Booking.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("move", "buttons"),
    [
        (None, ["confirm", "decline", "reschedule", "cancel"]),
        (confirm_booking, ["complete", "no_show", "reschedule", "cancel"]),
        (complete_booking, []),
    ],
)
def test_a_booking_offers_the_buttons_of_its_state(front_desk, move, buttons):
    booking = make_booking()
    for step in (confirm_booking, complete_booking)[: (None, confirm_booking, complete_booking).index(move)]:
        step(booking_id=booking.pk, actor=DESK)

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/")

    assert [tool["name"] for tool in page.context["objectactions"]] == buttons


@pytest.mark.parametrize(("typed", "kept"), [("098123 40009", "+919812340009"), ("call me", "+919812340003")])
def test_phone_corrected_by_the_desk_is_normalised(front_desk, typed, kept):
    customer = make_booking().customer

    front_desk.post(
        f"/admin/bookings/customer/{customer.pk}/change/",
        {"name": customer.name, "phone": typed, "email": customer.email},
    )

    customer.refresh_from_db()
    assert customer.phone == kept


@pytest.mark.parametrize("page", ["payment", "paymentorder"])
def test_money_is_never_edited_by_hand(page):
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))

    assert client.post(f"/admin/payments/{page}/add/").status_code == 403


def test_no_field_of_a_booking_can_be_edited_by_hand(front_desk):
    booking = make_booking()

    response = front_desk.post(f"/admin/bookings/booking/{booking.pk}/change/", {"status": "completed", "notes": "x"})

    booking.refresh_from_db()
    assert (response.status_code, booking.status, booking.notes) == (403, "pending", "")


def test_a_booking_tells_its_story_with_its_messages(front_desk):
    booking = make_booking()

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/").content.decode()

    assert "Booking created" in page
    assert "WhatsApp: booking requested" in page


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_rows(front_desk, django_assert_num_queries):
    service = make_service(resources=3)
    front_desk.get(LIST)  # permissions and content types are read once for good

    for count in (1, 3):
        while Booking.objects.count() < count:
            make_booking(service)
        with django_assert_num_queries(LIST_QUERIES):
            page = front_desk.get(LIST)
        assert len(page.context["cl"].result_list) == count


def test_the_queues_own_pages_are_not_in_the_admin():
    """They would let any user who may add a schedule run any function of the process."""
    assert [model for model in admin.site._registry if model._meta.app_label in ("django_q", "knox")] == []


@pytest.mark.parametrize(
    "page", ["bookings/booking/", "bookings/service/", "bookings/resource/", "bookings/customer/", "payments/payment/"]
)
def test_every_page_of_the_front_desk_opens(front_desk, page):
    assert front_desk.get(f"/admin/{page}").status_code == 200


def walk_in(service, **changes):
    values = {"service": service.pk, "starts_at": f"{slot():%Y-%m-%dT%H:%M}", "party_size": 1, **CUSTOMER}
    return {**values, **changes}


def test_add_form_books_for_a_customer(front_desk):
    service = make_service()

    response = front_desk.post(
        ADD, walk_in(service, phone="098123 40003", starts_at=f"{slot(minute=7):%Y-%m-%dT%H:%M}")
    )

    booking = Booking.objects.get()
    assert response.headers["Location"] == f"/admin/bookings/booking/{booking.pk}/change/"
    assert (booking.status, booking.starts_at, booking.customer.phone) == ("confirmed", slot(minute=7), "+919812340003")
    assert booking.events.get().actor == "staff desk"


def test_a_form_that_is_sent_twice_books_once(front_desk):
    service = make_service(resources=2)
    key = str(front_desk.get(ADD).context["form"]["key"].value())

    responses = [front_desk.post(ADD, walk_in(service, key=key)).headers["Location"] for _ in range(2)]

    assert responses == [f"/admin/bookings/booking/{key}/change/"] * 2
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("change", ["name", "notes", "resource", "cancelled"])
def test_add_form_with_a_reused_key_and_other_input_is_refused(front_desk, change):
    service, key = make_service(resources=2), str(uuid4())
    front_desk.post(ADD, walk_in(service, key=key))
    if change == "cancelled":
        cancel_booking(booking_id=key, actor=DESK)
    other = service.resources.exclude(booking__id=key).get()
    changes = {"name": {"name": "Ravi"}, "notes": {"notes": "Ramp"}, "resource": {"resource": other.pk}}

    page = front_desk.post(ADD, walk_in(service, key=key, **changes.get(change, {}))).content.decode()

    assert f"This form has already created booking {Booking.objects.get().reference}" in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("resources", [1, 4])
def test_concurrent_submissions_of_one_form_book_once(resources):
    service, user = make_service(resources=resources), make_staff()
    key, responses = str(uuid4()), []

    def click():
        client = Client()
        client.force_login(user)
        responses.append(client.post(ADD, walk_in(service, key=key)).headers["Location"])

    assert run_concurrently([click] * 4) == []
    assert set(responses) == {f"/admin/bookings/booking/{key}/change/"}
    assert Booking.objects.count() == 1


def test_add_form_shows_alternatives_and_keeps_the_input(front_desk):
    service = make_service()
    make_booking(service)

    page = front_desk.post(ADD, walk_in(service)).content.decode()

    assert "This time has just been taken" in page
    assert f"Free: {slot(hour=9, minute=30):%a %d %b, %H:%M}" in page
    assert 'value="Meera Iyer"' in page
    assert Booking.objects.count() == 1


def test_add_form_refuses_a_time_in_a_dst_gap(front_desk):
    service = make_service()
    service.location.timezone = "Europe/Berlin"
    service.location.save()
    sunday = next(day for day in (date(2031, 3, 31) - timedelta(days=n) for n in range(7)) if day.weekday() == 6)

    page = front_desk.post(ADD, walk_in(service, starts_at=f"{sunday}T02:30")).content.decode()

    assert "does not exist" in page
    assert not Booking.objects.exists()


def test_add_form_uses_the_time_zone_of_the_location(front_desk):
    service = make_service(horizon_days=400)

    with timezone.override("Europe/Berlin"):  # where that hour does not exist
        page = front_desk.post(ADD, walk_in(service, starts_at="2031-03-30T02:30")).content.decode()

    assert "This service is not offered at that time" in page


@pytest.fixture
def manager():
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client


def closing(location, **changes):
    times = {"starts_at": "2031-12-25T00:00", "ends_at": "2031-12-26T00:00"}
    return {"location": location.pk, "reason": "Christmas", **times, **changes}


def test_a_holiday_is_one_on_the_clock_of_its_location(manager):
    location = Location.objects.create(name="New York", timezone="America/New_York")

    manager.post(reverse("admin:bookings_scheduleexception_add"), closing(location))

    holiday = ScheduleException.objects.get()
    page = manager.get(reverse("admin:bookings_scheduleexception_change", args=[holiday.pk])).content.decode()
    assert holiday.starts_at == datetime(2031, 12, 25, tzinfo=location.zone)
    assert holiday.ends_at == datetime(2031, 12, 26, tzinfo=location.zone)
    assert 'value="2031-12-25T00:00"' in page
    assert (
        "Thu 25 Dec 2031, 00:00" in manager.get(reverse("admin:bookings_scheduleexception_changelist")).content.decode()
    )


def test_the_desk_sees_a_holiday_on_the_same_clock(front_desk):
    location = Location.objects.create(name="New York", timezone="America/New_York")
    starts_at = datetime(2031, 12, 25, tzinfo=location.zone)
    holiday = ScheduleException.objects.create(
        location=location, starts_at=starts_at, ends_at=starts_at + timedelta(days=1)
    )

    page = front_desk.get(reverse("admin:bookings_scheduleexception_change", args=[holiday.pk])).content.decode()

    assert "Thu 25 Dec 2031, 00:00" in page


def test_a_holiday_without_a_location_is_refused_on_the_form(manager):
    values = {"starts_at": "2031-12-25T00:00", "ends_at": "2031-12-26T00:00", "location": ""}

    page = manager.post(reverse("admin:bookings_scheduleexception_add"), values).content.decode()

    assert "errornote" in page
    assert not ScheduleException.objects.exists()


def test_a_holiday_that_ends_before_it_begins_is_refused_on_the_form(manager):
    location = Location.objects.create(name="Anywhere")

    page = manager.post(
        reverse("admin:bookings_scheduleexception_add"), closing(location, ends_at="2031-12-24T00:00")
    ).content.decode()

    assert "errornote" in page
    assert not ScheduleException.objects.exists()


def test_closing_names_the_bookings_that_stand_at_that_time(manager):
    service = make_service(resources=2)
    ours, cancelled = make_booking(service), make_booking(service)
    other_day = make_booking(service, starts_at=slot(days=2))
    cancel_booking(booking_id=cancelled.pk, actor=DESK)
    times = {"starts_at": f"{slot(hour=0):%Y-%m-%dT%H:%M}", "ends_at": f"{slot(hour=23):%Y-%m-%dT%H:%M}"}

    page = manager.post(
        reverse("admin:bookings_scheduleexception_add"), closing(service.location, **times), follow=True
    )

    said = " ".join(str(message) for message in page.context["messages"])
    assert f"Still booked: {ours.reference}." in said
    assert other_day.reference not in said


def test_a_class_shows_who_is_coming(front_desk):
    yoga = make_service(capacity=12)
    bookings = [make_booking(yoga, party_size=people) for people in (1, 3)]
    gone = make_booking(yoga)
    cancel_booking(booking_id=gone.pk, actor=DESK)
    session = Session.objects.get()

    listed = front_desk.get(reverse("admin:bookings_session_changelist")).content.decode()
    page = front_desk.get(reverse("admin:bookings_session_change", args=[session.pk])).content.decode()

    assert "4 of 12" in listed
    assert all(booking.reference in page for booking in bookings)
    assert gone.reference not in page


def test_add_form_without_permission_is_refused(onlooker):
    assert onlooker.post(ADD, walk_in(make_service())).status_code == 403
    assert not Booking.objects.exists()


def test_reschedule_form_reschedules_a_booking(front_desk):
    booking = make_booking()
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"

    seen = front_desk.get(path)
    front_desk.post(path, {"starts_at": f"{slot(hour=15):%Y-%m-%dT%H:%M}", "resource": ""})

    booking.refresh_from_db()
    assert f'value="{slot():%Y-%m-%dT%H:%M}"' in seen.content.decode()
    assert (booking.starts_at, booking.version) == (slot(hour=15), 2)


def test_a_move_onto_a_taken_time_is_explained_on_the_form(front_desk):
    service = make_service()
    booking = make_booking(service)
    make_booking(service, starts_at=slot(hour=15))

    page = front_desk.post(
        f"/admin/bookings/booking/{booking.pk}/actions/reschedule/",
        {"starts_at": f"{slot(hour=15):%Y-%m-%dT%H:%M}", "resource": ""},
    )

    assert "This time has just been taken" in page.content.decode()
    booking.refresh_from_db()
    assert booking.version == 1


@pytest.mark.parametrize("change", [0, 1])
def test_a_time_that_the_form_leaves_as_it_was_stays_also_in_an_hour_that_clocks_show_twice(front_desk, change):
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(next_dst_transitions(zone)[change], time(2, 30), zone).replace(fold=1)
    service = make_service(resources=2)
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=1), is_open=True
    )
    booking = make_booking(Service.objects.get(), starts_at=at, actor=DESK)
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"
    shown = front_desk.get(path).context["form"]["starts_at"].value()
    other = service.resources.exclude(pk=booking.resource_id).get()

    front_desk.post(path, {"starts_at": f"{shown:%Y-%m-%dT%H:%M}", "resource": other.pk})

    moved = Booking.objects.get()
    assert (moved.starts_at, moved.resource, moved.version) == (booking.starts_at, other, 2)


def test_a_year_is_the_longest_that_a_service_may_ask_for():
    service = make_service(cancel_cutoff_minutes=2_000_000_000, reminder_minutes=[2_000_000_000])

    with pytest.raises(ValidationError) as error:
        service.full_clean()

    assert set(error.value.message_dict) == {"cancel_cutoff_minutes", "reminder_minutes"}


def test_a_time_that_is_none_is_named(front_desk):
    booking = make_booking()

    page = front_desk.post(
        f"/admin/bookings/booking/{booking.pk}/actions/reschedule/", {"starts_at": "tomorrow", "resource": "99"}
    )

    assert page.content.decode().count('class="errornote"') == 2
