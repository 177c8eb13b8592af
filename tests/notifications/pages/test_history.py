from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Booking
from notifications.models import ChannelState
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import make_notification, pause_channel

pytestmark = pytest.mark.django_db

HISTORY = "/notifications/"
LIST_QUERIES = 7


def listed_channels(response):
    return [row.channel for row in response.context["page"]]


def test_history_lists_each_message_with_its_address(manager):
    make_booking()

    response = manager.get(HISTORY)

    assert sorted(listed_channels(response)) == ["email", "sms", "whatsapp"]
    assert "+919812340003" in response.content.decode()


def test_history_is_forbidden_to_the_front_desk():
    client = Client()
    client.force_login(make_staff())

    assert client.get(HISTORY).status_code == 403


def test_history_redirects_to_the_sign_in_page_when_signed_out():
    response = Client().get(HISTORY)

    assert (response.status_code, response.url) == (302, "/admin/login/?next=/notifications/")  # type: ignore[attr-defined]


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
def test_history_filters_by_the_query_and_tolerates_invalid_values(manager, query, expected):
    make_booking()

    response = manager.get(f"{HISTORY}?{query}")

    assert (response.status_code, sorted(listed_channels(response))) == (200, expected)


def test_history_needs_the_same_number_of_queries_for_any_number_of_rows(manager, django_assert_num_queries):
    service = make_service(resources=3)

    for count in (1, 3):
        while Booking.objects.count() < count:
            make_booking(service)
        with django_assert_num_queries(LIST_QUERIES):
            response = manager.get(HISTORY)
        assert len(listed_channels(response)) == 3 * count


def test_history_pages_do_not_overlap(manager, monkeypatch):
    monkeypatch.setattr("notifications.pages.history.PAGE_SIZE", 2)
    make_booking()

    pages = [[row.pk for row in manager.get(f"{HISTORY}?page={number}").context["page"]] for number in (1, 2)]

    assert [len(page) for page in pages] == [2, 1]
    assert len({pk for page in pages for pk in page}) == 3


def test_history_shows_the_time_of_the_next_attempt(manager):
    make_notification(error="Greylisted.", attempts=1, due_at=timezone.now() + timedelta(minutes=1))

    assert "<small>next " in manager.get(HISTORY).content.decode()


def test_history_shows_that_a_message_waits_for_its_channel(manager):
    make_notification(error="Twilio limits our rate.", attempts=0)

    assert "<small>waiting</small>" in manager.get(HISTORY).content.decode()


def test_history_shows_a_paused_channel_with_its_reason_and_backlog(manager):
    make_booking()
    pause_channel("sms", since=datetime(2026, 11, 3, 8, 30, tzinfo=UTC), reason="Twilio: Authenticate")
    ChannelState.objects.create(channel="email", limit=20, failures=1, paused_until=timezone.now())

    content = " ".join(manager.get(HISTORY).content.decode().split())

    assert "<strong>SMS is paused</strong> since 3 Nov, 14:00: Twilio: Authenticate" in content
    assert "1 message is waiting, and none is lost. Correct the settings of the channel" in content
    assert "E-mail is paused" not in content


def test_history_escapes_the_customer_name(manager):
    make_booking(customer={"name": "<script>alert(1)</script>", "phone": "+919812340003", "email": "a@example.com"})

    assert "<script>alert(1)" not in manager.get(HISTORY).content.decode()
