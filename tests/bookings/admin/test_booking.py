from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Location, ScheduleException, Service
from bookings.operations import cancel_booking, complete_booking, confirm_booking, reschedule_booking
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import (
    CUSTOMER,
    DESK,
    make_booking,
    make_service,
    next_dst_transitions,
    set_minutes_until_visit,
    slot,
)
from tests.builders.html_forms import read_form
from tests.invariants import violated_invariants
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

LIST_QUERIES = 9
LIST = reverse("admin:bookings_booking_changelist")
ADD = reverse("admin:bookings_booking_add")


def press_button(client, booking, button, **options):
    return client.post(f"/admin/bookings/booking/{booking.pk}/actions/{button}/", **options)


def test_buttons_confirm_and_complete_a_booking(front_desk):
    booking = make_booking()

    press_button(front_desk, booking, "confirm")
    booking.refresh_from_db()
    status_after_confirm = booking.status
    set_minutes_until_visit(booking, 0)
    press_button(front_desk, booking, "complete")

    booking.refresh_from_db()
    assert (status_after_confirm, booking.status) == ("confirmed", "completed")


def test_get_of_a_button_is_405(front_desk):
    booking = make_booking()

    response = front_desk.get(f"/admin/bookings/booking/{booking.pk}/actions/confirm/")

    booking.refresh_from_db()
    assert (response.status_code, booking.status) == (405, "pending")


@pytest.mark.parametrize("button", ["confirm", "complete"])
def test_button_without_permission_is_refused(view_only_user, button):
    booking = make_booking()
    if button == "complete":
        confirm_booking(booking_id=booking.pk, actor=DESK)
    status_before = Booking.objects.get(pk=booking.pk).status

    response = press_button(view_only_user, booking, button)

    assert (response.status_code, Booking.objects.get(pk=booking.pk).status) == (403, status_before)


def test_bulk_confirm_reports_skipped_bookings(front_desk):
    service = make_service(resources=3)
    pending, confirmed, completed = (make_booking(service) for _ in range(3))
    for booking in (confirmed, completed):
        confirm_booking(booking_id=booking.pk, actor=DESK)
    set_minutes_until_visit(completed, 0)
    complete_booking(booking_id=completed.pk, actor=DESK)

    response = front_desk.post(
        LIST, {"action": "confirm_selected", "_selected_action": [pending.pk, confirmed.pk, completed.pk]}, follow=True
    )

    pending.refresh_from_db()
    message, skipped = (str(message) for message in response.context["messages"])
    assert (pending.status, message) == ("confirmed", "1 booking confirmed.")
    assert skipped.startswith("2 bookings skipped: ")
    assert f"{completed.reference} is completed" in skipped
    assert f"{confirmed.reference} is already confirmed" in skipped


def test_bulk_complete_skips_a_visit_before_its_day_with_a_reason(front_desk):
    service = make_service(resources=2)
    today, later = (make_booking(service, actor=DESK) for _ in range(2))
    set_minutes_until_visit(today, 0)

    response = front_desk.post(
        LIST, {"action": "complete_selected", "_selected_action": [today.pk, later.pk]}, follow=True
    )

    assert [Booking.objects.get(pk=booking.pk).status for booking in (today, later)] == ["completed", "confirmed"]
    messages = [str(message) for message in response.context["messages"]]
    day = f"{later.starts_at.astimezone(later.zone):%d %b %Y}"
    assert messages == [
        "1 booking completed.",
        f"1 booking skipped: Visit {later.reference} is on {day}. Complete it on that day or later.",
    ]


@pytest.mark.parametrize("button", ["complete", "no_show"])
def test_button_that_is_pressed_too_early_changes_nothing_and_says_when(front_desk, button):
    booking = make_booking(make_service(), actor=DESK)

    response = press_button(front_desk, booking, button, follow=True)

    assert Booking.objects.get().status == "confirmed"
    (message,) = (str(message) for message in response.context["messages"])
    assert message.startswith(f"1 booking skipped: Visit {booking.reference} ")


def test_booking_page_states_until_when_the_customer_can_cancel(front_desk):
    booking = make_booking(make_service(cancel_cutoff_minutes=120), starts_at=slot(hour=14))

    page = front_desk.get(reverse("admin:bookings_booking_change", args=[booking.pk])).content.decode()

    assert "Customer can cancel until" in page
    assert "12:00" in page


def test_bulk_action_without_permission_is_not_offered(view_only_user):
    booking = make_booking()

    view_only_user.post(LIST, {"action": "confirm_selected", "_selected_action": [booking.pk]})

    assert Booking.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("transition", "buttons"),
    [
        (None, ["confirm", "decline", "reschedule", "cancel"]),
        (confirm_booking, ["complete", "no_show", "reschedule", "cancel"]),
        (complete_booking, []),
    ],
)
def test_buttons_depend_on_the_status(front_desk, transition, buttons):
    booking = make_booking()
    set_minutes_until_visit(booking, 0)
    for step in (confirm_booking, complete_booking)[: (None, confirm_booking, complete_booking).index(transition)]:
        step(booking_id=booking.pk, actor=DESK)

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/")

    assert [tool["name"] for tool in page.context["objectactions"]] == buttons


@pytest.mark.parametrize("page", ["payment", "paymentorder"])
def test_payments_cannot_be_added_in_the_admin(page):
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))

    assert client.post(f"/admin/payments/{page}/add/").status_code == 403


def test_booking_fields_are_read_only(front_desk):
    booking = make_booking()

    response = front_desk.post(f"/admin/bookings/booking/{booking.pk}/change/", {"status": "completed", "notes": "x"})

    booking.refresh_from_db()
    assert (response.status_code, booking.status, booking.notes) == (403, "pending", "")


def test_booking_page_shows_events_and_messages(front_desk):
    booking = make_booking()

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/").content.decode()

    assert "Booking created" in page
    assert "WhatsApp: booking requested" in page


def test_booking_list_query_count_is_constant(front_desk, django_assert_num_queries):
    service = make_service(resources=3)
    front_desk.get(LIST)  # caches permissions and content types

    for count in (1, 3):
        while Booking.objects.count() < count:
            make_booking(service)
        with django_assert_num_queries(LIST_QUERIES):
            page = front_desk.get(LIST)
        assert len(page.context["cl"].result_list) == count


def test_queue_and_token_models_are_not_in_the_admin():
    """A user who may add a django-q schedule could run any function of the process."""
    assert [model for model in admin.site._registry if model._meta.app_label == "django_q"] == []


@pytest.mark.parametrize(
    "page", ["bookings/booking/", "bookings/service/", "bookings/resource/", "bookings/customer/", "payments/payment/"]
)
def test_front_desk_pages_open(front_desk, page):
    assert front_desk.get(f"/admin/{page}").status_code == 200


def form_data(service, **changes):
    values = {"service": service.pk, "starts_at": f"{slot():%Y-%m-%dT%H:%M}", "party_size": 1, **CUSTOMER}
    return {**values, **changes}


def test_add_form_books_for_a_customer(front_desk):
    service = make_service()

    response = front_desk.post(
        ADD, form_data(service, phone="098123 40003", starts_at=f"{slot(minute=7):%Y-%m-%dT%H:%M}")
    )

    booking = Booking.objects.get()
    assert response.headers["Location"] == f"/admin/bookings/booking/{booking.pk}/change/"
    assert (booking.status, booking.starts_at, booking.customer.phone) == ("confirmed", slot(minute=7), "+919812340003")
    assert booking.events.get().actor == "staff desk"


@pytest.mark.parametrize("email", ["meera@localhost", "meera@[127.0.0.1]", "méera@example.com"])
def test_add_form_refuses_an_email_address_that_cannot_be_sent_to(front_desk, email):
    response = front_desk.post(ADD, form_data(make_service(), email=email))

    assert (response.status_code, list(response.context["form"].errors)) == (200, ["email"])
    assert not Booking.objects.exists()


def test_add_form_books_for_a_visitor_without_an_email_address(front_desk):
    response = front_desk.post(ADD, form_data(make_service(), email=""), follow=True)

    booking = Booking.objects.get()
    messages = Notification.objects.filter(booking=booking).values_list("channel", "status", "error")
    assert booking.customer.email == ""
    assert sorted(messages) == [
        ("email", "skipped", "The customer has no email address."),
        ("sms", "queued", ""),
        ("whatsapp", "queued", ""),
    ]
    assert [str(message) for message in response.context["messages"]] == [
        f"Booked as {booking.reference}. The customer will be notified."
    ]
    assert violated_invariants() == set()


def test_history_states_that_a_visitor_has_no_email_address():
    manager = Client()
    manager.force_login(make_staff("manager", group="Managers"))
    make_booking(make_service(), customer={**CUSTOMER, "email": ""}, actor=DESK)

    assert "The customer has no email address." in manager.get("/notifications/").content.decode()


def test_add_form_of_a_visitor_without_an_email_address_submitted_twice_books_once(front_desk):
    service = make_service(resources=2)
    key = str(uuid4())

    for _ in range(2):
        front_desk.post(ADD, form_data(service, key=key, email=""))

    assert Booking.objects.count() == 1


def test_visitors_without_an_email_address_are_found_by_name_and_number(front_desk):
    make_booking(make_service(), customer={**CUSTOMER, "email": ""}, actor=DESK)

    for text in ("meera", "98123 40003"):
        page = front_desk.get(LIST, {"q": text})
        assert [booking.customer.email for booking in page.context["cl"].result_list] == [""]


def test_add_form_refuses_a_name_that_cannot_be_read_and_cleans_notes(front_desk):
    service = make_service()

    refused = front_desk.post(ADD, form_data(service, name="\u200b"))
    front_desk.post(ADD, form_data(service, name="Jose\u0301\u200b", notes="Ramp\u202e\r\nat the back"))

    assert list(refused.context["form"].errors) == ["name"]
    booking = Booking.objects.get()
    assert (booking.customer.name, booking.notes) == ("Jos\u00e9", "Ramp\nat the back")


def test_add_form_submitted_twice_books_once(front_desk):
    service = make_service(resources=2)
    key = str(front_desk.get(ADD).context["form"]["key"].value())

    responses = [front_desk.post(ADD, form_data(service, key=key)).headers["Location"] for _ in range(2)]

    assert responses == [f"/admin/bookings/booking/{key}/change/"] * 2
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("change", ["name", "notes", "resource", "cancelled"])
def test_add_form_with_a_reused_key_and_different_input_is_refused(front_desk, change):
    service, key = make_service(resources=2), str(uuid4())
    front_desk.post(ADD, form_data(service, key=key))
    if change == "cancelled":
        cancel_booking(booking_id=key, actor=DESK)
    other = service.resources.exclude(booking__id=key).get()
    changes = {"name": {"name": "Ravi"}, "notes": {"notes": "Ramp"}, "resource": {"resource": other.pk}}

    page = front_desk.post(ADD, form_data(service, key=key, **changes.get(change, {}))).content.decode()

    assert f"This form has already created booking {Booking.objects.get().reference}" in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("resources", [1, 4])
def test_add_form_submitted_concurrently_books_once(resources):
    service, user = make_service(resources=resources), make_staff()
    key, responses = str(uuid4()), []

    def click():
        client = Client()
        client.force_login(user)
        responses.append(client.post(ADD, form_data(service, key=key)).headers["Location"])

    assert run_concurrently([click] * 4) == []
    assert set(responses) == {f"/admin/bookings/booking/{key}/change/"}
    assert Booking.objects.count() == 1


def test_add_form_shows_alternatives_and_keeps_the_input(front_desk):
    service = make_service()
    make_booking(service)

    page = front_desk.post(ADD, form_data(service)).content.decode()

    assert "This time has just been taken" in page
    assert f"Free: {slot(hour=9, minute=30):%a %d %b, %H:%M}" in page
    assert 'value="Meera Iyer"' in page
    assert Booking.objects.count() == 1


def test_add_form_refuses_a_time_in_a_dst_gap(front_desk):
    service = make_service()
    service.location.timezone = "Europe/Berlin"
    service.location.save()
    sunday = next(day for day in (date(2031, 3, 31) - timedelta(days=n) for n in range(7)) if day.weekday() == 6)

    page = front_desk.post(ADD, form_data(service, starts_at=f"{sunday}T02:30")).content.decode()

    assert "does not exist" in page
    assert not Booking.objects.exists()


def test_add_form_uses_the_time_zone_of_the_location(front_desk):
    service = make_service(horizon_days=400)

    with timezone.override("Europe/Berlin"):  # where that hour does not exist
        page = front_desk.post(ADD, form_data(service, starts_at="2031-03-30T02:30")).content.decode()

    assert "This service is not offered at that time. Pick another one." in page


def test_add_form_without_permission_is_refused(view_only_user):
    assert view_only_user.post(ADD, form_data(make_service())).status_code == 403
    assert not Booking.objects.exists()


def test_reschedule_form_reschedules_a_booking(front_desk):
    booking = make_booking()
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"

    form_page = front_desk.get(path)
    front_desk.post(path, {"starts_at": f"{slot(hour=15):%Y-%m-%dT%H:%M}", "resource": ""})

    booking.refresh_from_db()
    assert f'value="{slot():%Y-%m-%dT%H:%M}"' in form_page.content.decode()
    assert (booking.starts_at, booking.version) == (slot(hour=15), 2)


def test_reschedule_form_refuses_a_taken_slot(front_desk):
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


def test_reschedule_form_lists_free_times_that_overlap_the_own_one(front_desk):
    service = make_service(duration_minutes=60)
    booking = make_booking(service, starts_at=slot(hour=10))
    make_booking(service, starts_at=slot(hour=11))
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"

    offered = front_desk.get(path).content.decode()
    refused = front_desk.post(path, {"starts_at": f"{slot(hour=10, minute=15):%Y-%m-%dT%H:%M}", "resource": ""})

    times = [f"{slot(hour=hour, minute=minute):%a %d %b, %H:%M}" for hour, minute in [(9, 15), (9, 30), (9, 45)]]
    assert f"Free: {'; '.join(times)}." in offered
    assert all(f"Free: {time}" in refused.content.decode() for time in times)


def test_reschedule_form_without_a_change_notifies_no_customer(front_desk):
    booking = make_booking()
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"
    form = {"starts_at": f"{slot():%Y-%m-%dT%H:%M}", "resource": booking.resource_id}

    unchanged = front_desk.post(path, form, follow=True).content.decode()
    changed = front_desk.post(path, {**form, "starts_at": f"{slot(hour=15):%Y-%m-%dT%H:%M}"}, follow=True)

    assert "Nothing has changed" in unchanged
    assert "Rescheduled. The customer will be notified." not in unchanged
    assert "Rescheduled. The customer will be notified." in changed.content.decode()
    assert booking.events.count() == 2


@pytest.mark.parametrize("transition", [0, 1])
def test_reschedule_form_keeps_an_unchanged_time_in_a_dst_fold(front_desk, transition):
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(next_dst_transitions(zone)[transition], time(2, 30), zone).replace(fold=1)
    service = make_service(resources=2)
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=1), is_open=True
    )
    booking = make_booking(Service.objects.get(), starts_at=at, actor=DESK)
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"
    initial = front_desk.get(path).context["form"]["starts_at"].value()
    other = service.resources.exclude(pk=booking.resource_id).get()

    front_desk.post(path, {"starts_at": f"{initial:%Y-%m-%dT%H:%M}", "resource": other.pk})

    rescheduled = Booking.objects.get()
    assert (rescheduled.starts_at, rescheduled.resource, rescheduled.version) == (booking.starts_at, other, 2)


def test_reschedule_form_with_invalid_input_shows_errors(front_desk):
    booking = make_booking()

    page = front_desk.post(
        f"/admin/bookings/booking/{booking.pk}/actions/reschedule/", {"starts_at": "tomorrow", "resource": "99"}
    )

    assert page.content.decode().count('class="errornote"') == 2


@pytest.mark.parametrize("tool", ["confirm", "reschedule"])
def test_button_without_a_booking_does_nothing(front_desk, tool):
    make_booking()

    assert front_desk.post(f"/admin/bookings/booking/actions/{tool}/").status_code == 302
    assert Booking.objects.filter(version=1).count() == 1


def test_reschedule_form_does_not_overwrite_a_newer_time(front_desk):
    booking = make_booking(make_service(resources=2))
    path = f"/admin/bookings/booking/{booking.pk}/actions/reschedule/"
    sent = read_form(front_desk.get(path))
    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=DESK)

    refused = front_desk.post(path, sent)
    start_after_refusal = Booking.objects.get().starts_at
    front_desk.post(path, read_form(refused))

    (error,) = refused.context["form"].non_field_errors()
    assert "15:00" in error
    assert "changed while you were editing it" in error
    assert (start_after_refusal, Booking.objects.get().starts_at) == (slot(hour=15), slot())


def test_booking_in_an_outdated_zone_shows_both_times_and_is_rescheduled_in_the_current_one(front_desk):
    booking = make_booking(starts_at=slot(hour=16))
    Location.objects.update(timezone="Asia/Dubai")
    path = f"/admin/bookings/booking/{booking.pk}"

    page = front_desk.get(f"{path}/change/").content.decode()
    sent = read_form(front_desk.get(f"{path}/actions/reschedule/"))
    front_desk.post(f"{path}/actions/reschedule/", {**sent, "starts_at": f"{slot(hour=16):%Y-%m-%dT%H:%M}"})

    rescheduled = Booking.objects.get()
    assert "16:00 in Asia/Kolkata, " in page
    assert "14:30 at the location" in page
    assert sent["starts_at"] == [f"{slot(hour=14, minute=30):%Y-%m-%dT%H:%M}"]
    assert rescheduled.starts_at == slot(hour=16).replace(tzinfo=ZoneInfo("Asia/Dubai"))
