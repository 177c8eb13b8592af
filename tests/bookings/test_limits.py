"""What one caller may have, counted exactly."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.exceptions import UnpaidHoldExists
from bookings.models import Booking
from bookings.operations import cancel_booking, hold_booking
from foundation.events import Actor, ActorKind
from foundation.models import RateLimitCounter
from foundation.rate_limits.client_address import client_network
from foundation.rate_limits.rate_limit import DAY, RateLimit, purge_counters
from tests.factories import CUSTOMER, booking_request, make_booking, make_paid_service, make_service, make_staff, slot
from tests.threads import run_at_once

HERSELF = Actor(ActorKind.CUSTOMER)


def hold(service, hour, **customer):
    return hold_booking(
        service=service, starts_at=slot(hour=hour), customer={**CUSTOMER, **customer}, actor=HERSELF
    ).booking


@pytest.mark.django_db(transaction=True)
def test_of_many_callers_at_once_exactly_as_many_get_through_as_the_limit_says():
    limit, passed = RateLimit("tries", 10, DAY), []

    faults = run_at_once([lambda: passed.append(limit.allows("somebody")) for _ in range(40)])

    assert faults == []
    assert (passed.count(True), passed.count(False)) == (10, 30)


@pytest.mark.django_db
def test_a_batch_gets_what_is_left_of_its_limit():
    limit = RateLimit("tries", 10, DAY)

    assert limit.count({"a": 7, "b": 12}) == {"a": 7, "b": 10}
    assert limit.count({"a": 7}) == {"a": 3}
    assert limit.count({"a": 1}) == {"a": 0}


@pytest.mark.django_db
def test_a_use_that_is_taken_back_does_not_count():
    limit = RateLimit("tries", 1, DAY)
    limit.allows("somebody")

    limit.undo("somebody")

    assert [limit.allows("somebody"), limit.allows("somebody")] == [True, False]


@pytest.mark.django_db
def test_no_limit_counts_nothing():
    assert RateLimit("tries", 0, DAY).allows("somebody")
    assert not RateLimitCounter.objects.exists()


@pytest.mark.django_db
def test_counts_are_forgotten_after_a_week():
    old = timezone.now() - timedelta(days=8)
    RateLimitCounter.objects.create(limit="tries", key="a", since=old, count=1)
    RateLimit("tries", 1, DAY).allows("a")

    assert purge_counters() == 1
    assert RateLimitCounter.objects.count() == 1


@pytest.mark.django_db
def test_moving_a_booking_counts_as_booking_does_for_it_sends_as_many_messages(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 3
    made = api.post("/bookings/", booking_request(make_service()), format="json").json()
    path, token = f"/bookings/{made['id']}/reschedule", {"X-Booking-Token": made["manage_token"]}

    answers = [
        api.put(path, {"starts_at": slot(hour=hour).isoformat()}, format="json", headers=token).status_code
        for hour in (11, 12, 13)
    ]

    assert answers == [200, 200, 429]


@pytest.mark.django_db
def test_the_limit_of_bookings_stops_a_caller_and_says_how_long(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 2
    service = make_service()
    bodies = [booking_request(service, starts_at=slot(hour=hour).isoformat()) for hour in (10, 11, 12)]

    answers = [api.post("/bookings/", body, format="json") for body in bodies]
    other = api.post("/bookings/", bodies[2], format="json", REMOTE_ADDR="203.0.113.9")

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2]["Retry-After"]) <= 3600
    assert other.status_code == 201
    assert Booking.objects.count() == 3


@pytest.mark.django_db
def test_tokens_cannot_be_guessed_for_long_and_staff_are_not_counted(api, desk, settings):
    settings.LIMIT_LOOKUPS_PER_MINUTE = 2
    path = f"/bookings/{make_booking().pk}"

    guesses = [api.get(path, headers={"X-Booking-Token": f"guess {number}"}) for number in range(2)]
    cancelling = api.post(f"{path}/cancel", headers={"X-Booking-Token": "guess"})
    listing = api.get("/bookings/", headers={"X-Booking-Token": "guess"})

    assert [answer.status_code for answer in (*guesses, cancelling, listing)] == [404, 404, 429, 429]
    assert [desk.get(path).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.django_db
def test_five_wrong_passwords_are_enough_and_another_network_still_gets_in(api, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 5
    make_staff("asha")
    right = {"username": "asha", "password": "a-long-password"}

    wrong = [api.post("/auth/token", {**right, "password": f"guess {n}"}, format="json") for n in range(5)]
    locked = api.post("/auth/token", right, format="json")
    elsewhere = [api.post("/auth/token", right, format="json", REMOTE_ADDR="203.0.113.9") for _ in range(7)]

    assert [answer.status_code for answer in wrong] == [401] * 5
    assert (locked.status_code, locked.json()["code"]) == (429, "throttled")
    assert [answer.status_code for answer in elsewhere] == [200] * 7


@pytest.mark.django_db
def test_the_admin_stops_listening_to_guesses_too(client, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2
    make_staff("asha")
    right = {"username": "asha", "password": "a-long-password"}

    pages = [client.post("/admin/login/", {**right, "password": "guess"}) for _ in range(2)]
    locked = client.post("/admin/login/", right)
    elsewhere = client.post("/admin/login/", right, REMOTE_ADDR="203.0.113.9")

    assert ["Too many failed sign-ins" in page.content.decode() for page in (*pages, locked)] == [False, False, True]
    assert (locked.status_code, elsewhere.status_code) == (200, 302)


@pytest.mark.django_db
def test_a_number_keeps_one_unpaid_time_until_that_is_cancelled(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    first = hold(service, 10)

    with pytest.raises(UnpaidHoldExists, match="Pay for it, cancel it with its token, or wait 15 minutes"):
        hold(service, 11)
    hold(service, 12, phone="+919812340009")
    cancel_booking(booking_id=first.pk, actor=HERSELF)

    assert hold(service, 11).status == "held"


@pytest.mark.django_db
def test_a_hold_that_has_lapsed_or_was_paid_stands_in_no_ones_way(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    first = hold(service, 10)
    Booking.objects.filter(pk=first.pk).update(hold_expires_at=timezone.now())

    assert hold(service, 11).status == "held"


@pytest.mark.django_db(transaction=True)
def test_two_holds_of_one_number_at_once_are_one(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service(resources=4)

    faults = run_at_once([lambda hour=hour: hold(service, hour) for hour in (9, 10, 11, 12, 13, 14)])

    assert [type(fault) for fault in faults] == [UnpaidHoldExists] * 5
    assert Booking.objects.count() == 1


@pytest.mark.django_db
def test_an_open_hold_is_answered_with_when_to_come_back(api, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    hold(service, 10)

    answer = api.post("/bookings/razorpay-booking", booking_request(service), format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "hold_open")
    assert 0 < int(answer["Retry-After"]) <= 15 * 60


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.7", "203.0.113.9"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (1, "", "203.0.113.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "198.51.100.7:4711", "198.51.100.7"),
        (1, "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "nonsense", "nonsense"),
    ],
)
def test_only_what_our_own_proxies_wrote_tells_where_a_request_comes_from(rf, settings, proxies, forwarded, expected):
    settings.TRUSTED_PROXIES = proxies

    request = rf.get("/", REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": forwarded})

    assert client_network(request) == expected
