from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from bookings.models import Booking
from foundation.http.staff_pages import LongListPaginator
from notifications.models import ChannelState, Notification
from notifications.pages.history import HistoryFilter
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import make_notification, pause_channel

pytestmark = pytest.mark.django_db

HISTORY = "/notifications/"
LIST_QUERIES = 8


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


def make_message_at(planned, *, accepted=None, created=timedelta(days=-3)):
    """Return the SMS of a booking, with times relative to noon of today; ``accepted`` is None if it was not sent."""
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    sent = {} if accepted is None else {"accepted_at": noon + accepted, "status": "accepted", "provider_id": "SM1"}
    return make_notification(created_at=noon + created, planned_at=noon + planned, **sent)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"planned": timedelta(hours=-12)}, True),
        ({"planned": timedelta(hours=-12, seconds=-1)}, False),
        ({"planned": timedelta(hours=11, minutes=59)}, True),
        ({"planned": timedelta(hours=12)}, False),
        ({"planned": timedelta(hours=24)}, False),
        # A reminder that was queued three days ago, and one that an outage delayed until today
        ({"planned": timedelta(hours=-2), "accepted": timedelta(hours=-2, seconds=3)}, True),
        ({"planned": timedelta(days=-1), "accepted": timedelta(hours=-2)}, True),
        ({"planned": timedelta(days=-2), "accepted": timedelta(days=-1)}, False),
        # Queued today for tomorrow
        ({"planned": timedelta(days=1), "created": timedelta(0)}, False),
    ],
)
def test_history_of_today_is_by_the_planned_or_sent_time(manager, times, expected):
    make_message_at(**times)

    assert listed_channels(manager.get(f"{HISTORY}?since=today")) == ["sms"] * expected


@pytest.mark.parametrize(("period", "hours"), [("24", 24), ("168", 7 * 24), ("720", 30 * 24)])
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(minutes=1), True),
        (timedelta(hours=-1), False),
        (timedelta(days=-1), False),
    ],
)
def test_history_of_a_period_ends_now(manager, period, hours, age, expected):
    notification = make_notification()
    for at, is_listed in [
        (timezone.now() - age, expected),
        (timezone.now() - timedelta(hours=hours) + age, age > timedelta(0)),
        (timezone.now() - timedelta(hours=hours, minutes=1), False),
    ]:
        Notification.objects.filter(pk=notification.pk).update(planned_at=at, created_at=timezone.now())

        listed = listed_channels(manager.get(f"{HISTORY}?since={period}"))

        assert listed == ["sms"] * is_listed, at


def test_history_lists_planned_messages_on_request_and_in_filtered_lists(manager):
    booking = make_notification(planned_at=timezone.now() + timedelta(days=9)).booking

    listed = {
        query: listed_channels(manager.get(f"{HISTORY}?{query}"))
        for query in ("", "since=planned", "status=queued", f"text={booking.reference}")
    }

    assert listed == {
        "": [],
        "since=planned": ["sms"],
        "status=queued": ["sms"],
        f"text={booking.reference}": ["sms"],
    }


def test_history_is_ordered_by_the_planned_or_sent_time(manager):
    now = timezone.now()
    service = make_service(resources=3)
    created_first, created_second, created_third = (make_notification(booking=make_booking(service)) for _ in range(3))
    Notification.objects.filter(pk=created_first.pk).update(planned_at=now - timedelta(hours=1))
    Notification.objects.filter(pk=created_second.pk).update(planned_at=now - timedelta(hours=3))
    Notification.objects.filter(pk=created_third.pk).update(
        planned_at=now - timedelta(days=2), accepted_at=now - timedelta(hours=2), provider_id="SM1"
    )

    response = manager.get(HISTORY)

    assert [row.pk for row in response.context["page"]] == [created_first.pk, created_third.pk, created_second.pk]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("09812340003", ["sms", "whatsapp"]),
        ("098123 40003", ["sms", "whatsapp"]),
        ("%2B91 98123-40003", ["sms", "whatsapp"]),
        ("0091 98123 40003", ["sms", "whatsapp"]),
        ("9812340003", ["sms", "whatsapp"]),
        ("(98123) 40003", ["sms", "whatsapp"]),
        ("0003", ["sms", "whatsapp"]),
        ("meera@example.com", ["email"]),
        ("@EXAMPLE", ["email"]),
        ("meera", ["email", "sms", "whatsapp"]),
        ("iyer meera", ["email", "sms", "whatsapp"]),
        ("BK-AC3DEFH", ["email", "sms", "whatsapp"]),
        ("ac3defh", ["email", "sms", "whatsapp"]),
        ("bk-ac3", ["email", "sms", "whatsapp"]),
        ("AC3D", ["email", "sms", "whatsapp"]),
        ("DEFH", []),
        ("SM17", ["whatsapp"]),
        ("09812340004", []),
    ],
)
def test_history_finds_messages_by_name_address_reference_and_provider_id(manager, text, expected):
    booking = make_booking()
    Booking.objects.update(reference="BK-AC3DEFH")
    Notification.objects.filter(booking=booking, channel="whatsapp").update(provider_id="SM17")

    assert sorted(listed_channels(manager.get(f"{HISTORY}?text={text}"))) == expected


def test_history_finds_a_message_by_the_former_address(manager):
    make_notification(address="+919812340077")

    found = {text: listed_channels(manager.get(f"{HISTORY}?text={text}")) for text in ("098123 40077", "09812340003")}

    assert found == {"098123 40077": ["sms"], "09812340003": []}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "notification_by_time"),
        ("since=today", "notification_by_time"),
        ("since=24", "notification_by_time"),
        ("status=failed", "notification_by_status"),
        ("text=098123 40003", "customer_search"),
        ("text=AC3D", "bookings_booking_reference_"),
        ("text=meera@example.com", "notification_by_address"),
        ("text=SM17", "one_notification_per_provider_id"),
    ],
)
def test_history_queries_fit_their_indexes(query, index):
    rows = HistoryFilter(QueryDict(query), queryset=Notification.objects.for_history()).rows
    # A table of this size is read without its indexes. A list is read in the order of an index, a search is not.
    disabled = ["seqscan", "indexscan", "indexonlyscan"] if query.startswith("text") else ["seqscan", "sort"]
    with connection.cursor() as cursor:
        for method in disabled:
            cursor.execute(f"SET LOCAL enable_{method} = off")

    plan = rows[:50].explain()

    assert index in plan


def test_history_counts_and_pages_a_limited_number_of_rows(manager, monkeypatch):
    monkeypatch.setattr("notifications.pages.history.PAGE_SIZE", 2)
    monkeypatch.setattr(LongListPaginator, "MAX_ROWS", 4)
    service = make_service(resources=2)
    make_booking(service)
    complete = manager.get(HISTORY).context["page"].paginator
    make_booking(service)

    limited = manager.get(f"{HISTORY}?page=99")

    assert (complete.count, complete.num_pages, complete.has_more_rows) == (3, 2, False)
    page = limited.context["page"]
    assert (page.paginator.count, page.number, page.paginator.has_more_rows) == (4, 2, True)
    assert "More than 4" in limited.content.decode()


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
    assert "1 message waits until SMS works again, or until it expires. Correct the settings of the channel" in content
    assert "E-mail is paused" not in content


def test_history_escapes_the_customer_name(manager):
    make_booking(customer={"name": "<script>alert(1)</script>", "phone": "+919812340003", "email": "a@example.com"})

    assert "<script>alert(1)" not in manager.get(HISTORY).content.decode()


def test_history_shows_the_channels_that_are_not_in_use(manager, settings):
    settings.CHANNELS_OFF, settings.TWILIO_WHATSAPP_FROM = ["email"], ""

    page = manager.get("/notifications/").content.decode()

    assert "WhatsApp is not configured (TWILIO_WHATSAPP_FROM is missing), so no messages are queued for it." in page
    assert "E-mail is switched off (CHANNELS_OFF), so no messages are queued for it." in page


def test_history_shows_no_notice_while_every_channel_is_in_use(manager):
    assert "no messages are queued" not in manager.get("/notifications/").content.decode()


def test_history_links_to_the_messages_that_need_a_decision(manager):
    make_notification(status="held", unknown_since=timezone.now())

    content = " ".join(manager.get(HISTORY).content.decode().split())

    assert '<a href="/notifications/?status=held">1 message needs your decision</a>' in content
