from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from bookings.models import Booking
from notifications.models import Attempt, ChannelState, Notification, Receipt
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db

PAGE = "/notifications/"
LIST_QUERIES = 7


@pytest.fixture
def manager():
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client


def rows(response):
    return [row.channel for row in response.context["page"]]


def test_a_manager_sees_what_was_sent_to_whom(manager):
    make_booking()

    page = manager.get(PAGE)

    assert sorted(rows(page)) == ["email", "sms", "whatsapp"]
    assert "+919812340003" in page.content.decode()


def test_the_front_desk_may_not_read_messages():
    client = Client()
    client.force_login(make_staff())

    assert client.get(PAGE).status_code == 403


def test_a_stranger_is_asked_to_sign_in():
    response = Client().get(PAGE)

    assert (response.status_code, response.url) == (302, "/admin/login/?next=/notifications/")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=sms", ["sms"]),
        ("status=accepted", []),
        ("text=meera@example.com", ["email"]),
        ("since=24", ["email", "sms", "whatsapp"]),
        ("since=today", ["email", "sms", "whatsapp"]),
        ("channel=pigeon", []),
        ("page=junk", ["email", "sms", "whatsapp"]),
    ],
)
def test_filters_are_in_the_address_and_nonsense_is_no_error(manager, query, expected):
    make_booking()

    response = manager.get(f"{PAGE}?{query}")

    assert (response.status_code, sorted(rows(response))) == (200, expected)


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_rows(manager, django_assert_num_queries):
    service = make_service(resources=3)

    for bookings in (1, 3):
        while Booking.objects.count() < bookings:
            make_booking(service)
        with django_assert_num_queries(LIST_QUERIES):
            page = manager.get(PAGE)
        assert len(rows(page)) == 3 * bookings


def test_page_two_goes_on_where_page_one_ended(manager, monkeypatch):
    monkeypatch.setattr("notifications.pages.history.PAGE_SIZE", 2)
    make_booking()

    pages = [[row.pk for row in manager.get(f"{PAGE}?page={number}").context["page"]] for number in (1, 2)]

    assert [len(page) for page in pages] == [2, 1]
    assert len({pk for page in pages for pk in page}) == 3


def test_a_message_that_waits_says_when_it_is_tried_next(manager):
    make_notification(error="Twilio asks for a slower pace.", attempts=0)

    assert "<small>next " in manager.get(PAGE).content.decode()


def test_a_message_tells_its_tries_and_reports_in_the_order_they_happened(manager):
    notification = make_notification(status="accepted")
    now = timezone.now()
    for number, outcome in enumerate(["queued", "accepted"], start=1):
        Attempt.objects.create(
            id=uuid4(),
            notification=notification,
            number=number,
            worker="w",
            outcome=outcome,
            started_at=now + timedelta(minutes=number),
            ended_at=now + timedelta(minutes=number, seconds=2),
        )
    Receipt.objects.create(
        notification=notification, attempt_id=uuid4(), provider_id="SM1", provider_status="sent", fields={}
    )

    entries = manager.get(f"{PAGE}{notification.pk}").context["timeline"]

    assert [(entry.title, entry.status) for entry in entries] == [
        ("Queued with the change", ""),
        ("Delivery receipt", "sent"),
        ("Attempt 1, 2.0 s", "not sent, retried later"),
        ("Attempt 2, 2.0 s", "accepted"),
    ]


def test_an_uncertain_message_says_that_it_is_not_sent_again(manager):
    notification = make_notification(status=Notification.Status.UNKNOWN, unknown_since=timezone.now())

    page = manager.get(f"{PAGE}{notification.pk}").content.decode()

    assert "This message may have been sent" in page


def held():
    return make_notification(status=Notification.Status.HELD, unknown_since=timezone.now(), attempts=1)


@pytest.mark.parametrize(
    ("decision", "status"), [("send_again", "queued"), ("arrived", "delivered"), ("leave", "cancelled")]
)
def test_a_manager_decides_what_becomes_of_a_held_message(manager, decision, status):
    notification = held()
    offered = decision in manager.get(f"{PAGE}{notification.pk}").content.decode()

    manager.post(f"{PAGE}{notification.pk}/resolve", {"decision": decision})

    notification.refresh_from_db()
    assert (offered, notification.status) == (True, status)
    assert notification.error.startswith("staff manager decided")


def test_a_decision_that_comes_too_late_changes_nothing(manager):
    notification = make_notification(status=Notification.Status.QUEUED)

    response = manager.post(f"{PAGE}{notification.pk}/resolve", {"decision": "leave"}, follow=True)

    notification.refresh_from_db()
    assert notification.status == "queued"
    assert "no longer on hold" in response.content.decode()


def test_whoever_may_only_read_messages_decides_nothing():
    reader = make_staff("reader", group=None)
    reader.user_permissions.add(Permission.objects.get(codename="view_notification"))
    client = Client()
    client.force_login(reader)
    notification = held()

    response = client.post(f"{PAGE}{notification.pk}/resolve", {"decision": "send_again"})

    notification.refresh_from_db()
    assert (response.status_code, notification.status) == (403, "held")
    assert 'value="send_again"' not in client.get(f"{PAGE}{notification.pk}").content.decode()


def test_a_paused_channel_says_so_and_why(manager):
    ChannelState.objects.create(
        channel="sms", limit=1, paused_until=timezone.now() + timedelta(minutes=1), pause_reason="Authenticate"
    )

    page = manager.get(PAGE).content.decode()

    assert "SMS is paused" in page
    assert "Authenticate" in page


def test_what_customers_write_is_shown_as_text(manager):
    booking = make_booking(
        customer={"name": "<script>alert(1)</script>", "phone": "+919812340003", "email": "a@example.com"}
    )
    notification = Notification.objects.get(booking=booking, channel="whatsapp")

    for page in (PAGE, f"{PAGE}{notification.pk}"):
        assert "<script>alert(1)" not in manager.get(page).content.decode()
