import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from bookings.models import Booking
from bookings.operations import complete_booking, confirm_booking
from tests.factories import DESK, make_booking, make_service, make_staff, slot

pytestmark = pytest.mark.django_db

LIST = reverse("admin:bookings_booking_changelist")


@pytest.fixture
def front_desk():
    client = Client()
    client.force_login(make_staff())
    return client


@pytest.fixture
def onlooker():
    """Somebody who may look at bookings and nothing else."""
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

    answer = front_desk.get(f"/admin/bookings/booking/{booking.pk}/actions/confirm/")

    booking.refresh_from_db()
    assert (answer.status_code, booking.status) == (405, "pending")


@pytest.mark.parametrize("button", ["confirm", "complete"])
def test_whoever_may_only_look_cannot_press_a_button_they_do_not_see(onlooker, button):
    booking = make_booking()
    if button == "complete":
        confirm_booking(booking_id=booking.pk, actor=DESK)
    before = Booking.objects.get(pk=booking.pk).status

    answer = press(onlooker, booking, button)

    assert (answer.status_code, Booking.objects.get(pk=booking.pk).status) == (403, before)


def test_a_bulk_confirm_says_what_it_skipped_and_why(front_desk):
    service = make_service(resources=3)
    waiting, confirmed, done = (make_booking(service) for _ in range(3))
    for booking in (confirmed, done):
        confirm_booking(booking_id=booking.pk, actor=DESK)
    complete_booking(booking_id=done.pk, actor=DESK)

    answer = front_desk.post(
        LIST, {"action": "confirm_selected", "_selected_action": [waiting.pk, done.pk]}, follow=True
    )

    waiting.refresh_from_db()
    assert waiting.status == "confirmed"
    assert [str(message) for message in answer.context["messages"]] == [
        "1 confirmed.",
        f"1 skipped: {done.reference} is completed.",
    ]


def test_no_field_of_a_booking_can_be_edited_by_hand(front_desk):
    booking = make_booking()

    answer = front_desk.post(f"/admin/bookings/booking/{booking.pk}/change/", {"status": "completed", "notes": "x"})

    booking.refresh_from_db()
    assert (answer.status_code, booking.status, booking.notes) == (403, "pending", "")


def test_a_booking_tells_its_story_with_its_messages(front_desk):
    booking = make_booking()

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/").content.decode()

    assert "Booking created" in page
    assert "WhatsApp: booking requested" in page


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_the_same_number_of_questions_for_any_number_of_rows(
    front_desk, django_assert_max_num_queries, count
):
    service = make_service(resources=count)
    for _ in range(count):
        make_booking(service, starts_at=slot())

    with django_assert_max_num_queries(14):
        page = front_desk.get(LIST)

    assert page.status_code == 200


def test_the_queues_own_pages_are_not_in_the_admin():
    """They let whoever may add a schedule run any function of the process."""
    assert [model for model in admin.site._registry if model._meta.app_label in ("django_q", "knox")] == []


@pytest.mark.parametrize(
    "page", ["bookings/booking/", "bookings/service/", "bookings/resource/", "bookings/customer/", "payments/payment/"]
)
def test_every_page_of_the_front_desk_opens(front_desk, page):
    assert front_desk.get(f"/admin/{page}").status_code == 200
