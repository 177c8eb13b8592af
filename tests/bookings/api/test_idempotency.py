import json
import threading
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from bookings.api.idempotency import (
    Execution,
    StoredResponse,
    begin_execution,
)
from bookings.api.keyed_request import keyed_request
from bookings.exceptions import IdempotencyKeyReused, RequestInProgress
from bookings.manage_tokens import derived_token
from bookings.models import Booking, IdempotencyKey
from bookings.operations import hold_booking, release_hold
from foundation.events import Actor, ActorKind
from notifications.models import Notification
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_paid_service, make_service, slot
from tests.builders.retention import purge

pytestmark = pytest.mark.django_db

KEY = "0b1f8a3e-5a52-4f0e-9d0e-6f2f5b8f1c11"
PAID_PATH = "/bookings/razorpay-booking"


def post(api, body, *, key=KEY, path="/bookings/"):
    return api.post(path, body, format="json", headers={"Idempotency-Key": key})


def make_keyed_request(body=None, *, key=KEY, path=PAID_PATH, user=None):
    """Return the KeyedRequest of a POST, as the endpoints with two transactions build it."""
    request = APIRequestFactory().post(path, body or {}, format="json", headers={"Idempotency-Key": key})
    request.user = user or AnonymousUser()
    request._force_auth_user = request.user  # type: ignore[attr-defined]
    return keyed_request(Request(request, parsers=[JSONParser()]))


def hold(execution, **changes):
    """Do what the first of the two transactions does after begin_execution."""
    service = changes.pop("service", None) or make_paid_service()
    new_booking = hold_booking(
        service=service,
        starts_at=slot(),
        customer=CUSTOMER,
        actor=Actor(ActorKind.CUSTOMER),
        token_for=execution.token_for,
    )
    execution.attach_booking(new_booking.booking)
    return new_booking


class Undone(Exception):
    """The error after which a repeat starts from the beginning."""


def interrupt(execution, error):
    """Make the steps after the first transaction fail."""
    with suppress(type(error)), execution.resumable(undone_by=Undone):
        raise error


def expire_the_lock():
    IdempotencyKey.objects.update(locked_until=timezone.now() - timedelta(seconds=1))


def count_rows():
    return Booking.objects.count(), Notification.objects.count(), IdempotencyKey.objects.count()


def test_replay_returns_the_first_response_byte_for_byte_and_books_nothing(api):
    body = booking_request(make_service(resources=2), notes="Ramp, please – मीरा")
    first = post(api, body)
    rows_before = count_rows()

    replay = post(api, body)

    assert (first.status_code, replay.status_code, replay.content) == (201, 201, first.content)
    assert replay["Content-Type"] == first["Content-Type"] == "application/json"
    assert ("Idempotent-Replayed" in first, replay["Idempotent-Replayed"]) == (False, "true")
    assert count_rows() == rows_before


def test_replayed_manage_token_opens_the_booking(api):
    body = booking_request(make_service())
    post(api, body)

    replay = post(api, body).json()

    response = api.get(f"/bookings/{replay['id']}", headers={"X-Booking-Token": replay["manage_token"]})
    assert (response.status_code, response.json()["reference"]) == (200, replay["reference"])
    assert len(replay["manage_token"]) == 43


def test_same_key_of_two_callers_derives_different_tokens(api, desk):
    body = booking_request(make_service(resources=2))

    tokens = [post(client, body).json()["manage_token"] for client in (api, desk)]

    assert tokens[0] != tokens[1]


def test_derived_token_depends_on_the_key():
    booking_id = uuid4()

    assert derived_token(booking_id, key=KEY) != derived_token(booking_id, key="another")


def test_replay_returns_the_first_response_after_a_transition(api, desk):
    body = booking_request(make_service())
    first = post(api, body)
    desk.put(f"/bookings/{first.json()['id']}/confirm")

    assert post(api, body).content == first.content


def test_replay_returns_the_first_response_of_an_inactive_service(api):
    service = make_service()
    first = post(api, booking_request(service))
    service.is_active = False
    service.save()

    assert post(api, booking_request(service)).content == first.content


def test_reused_key_with_another_body_is_422_and_changes_nothing(api):
    service = make_service(resources=2)
    first = post(api, booking_request(service))
    rows_before = count_rows()

    other = post(api, booking_request(service, notes="Bring a friend"))

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other["Content-Type"] == "application/problem+json"
    assert count_rows() == rows_before
    assert post(api, booking_request(service)).content == first.content


def test_fingerprint_ignores_key_order_whitespace_and_trailing_slash(api):
    body = booking_request(make_service())
    first = post(api, body)
    rewritten = json.dumps(dict(reversed(body.items())), indent=2)

    replay = api.post(
        "/bookings", rewritten, content_type="application/json", headers={"Idempotency-Key": KEY}
    )  # without the slash, too

    assert replay.content == first.content


def test_token_placeholder_in_the_input_is_replayed_unchanged(api):
    body = booking_request(make_service(), notes="\x1a")

    first, replay = post(api, body), post(api, body)

    assert (replay.status_code, replay.content) == (201, first.content)


@pytest.mark.parametrize("key", ["", "x" * 256, "na\xefve", "tab\tbed", "\x7f"])
def test_malformed_key_is_400(api, key):
    response = post(api, booking_request(make_service()), key=key)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_malformed")
    assert "255 printable ASCII" in response.json()["detail"]
    assert count_rows() == (0, 0, 0)


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted, as in the IETF draft"', "!~"])
def test_printable_ascii_key_is_accepted(api, key):
    assert post(api, booking_request(make_service()), key=key).status_code == 201
    assert IdempotencyKey.objects.count() == 1


def test_stored_row_contains_neither_key_nor_token(api):
    token = post(api, booking_request(make_service())).json()["manage_token"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM bookings_idempotencykey r")
        ((row,),) = cursor.fetchall()
    assert (KEY in row, token in row, CUSTOMER["name"] in row) == (False, False, True)


def test_key_scope_is_the_caller(api, desk):
    body = booking_request(make_service(resources=2))

    first, second = post(api, body), post(desk, body)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_key_scope_is_the_path(api):
    post(api, booking_request(make_service()))

    assert isinstance(begin_execution(make_keyed_request(booking_request(make_paid_service()))), Execution)


def test_slot_taken_stores_no_key_and_a_repeat_can_book(api):
    service = make_service()
    other = make_booking(service)
    refusal = post(api, booking_request(service))
    remaining = IdempotencyKey.objects.count()
    other.allocations.update(is_active=False)

    repeat = post(api, booking_request(service))

    assert (refusal.status_code, remaining) == (409, 0)
    assert (repeat.status_code, IdempotencyKey.objects.count()) == (201, 1)


def test_invalid_input_stores_no_key(api):
    service = make_service()

    invalid = post(api, booking_request(service, customer={}))

    assert (invalid.status_code, invalid.json()["code"], count_rows()) == (400, "invalid_input", (0, 0, 0))
    assert post(api, booking_request(service)).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_one_key_book_once():
    body = booking_request(make_service(resources=20))
    gate, responses = threading.Barrier(20), []

    def send():
        client = APIClient(raise_request_exception=False)
        gate.wait()
        responses.append(post(client, body))
        connection.close()

    run_in_threads([send] * 20)

    successes = [response for response in responses if response.status_code == 201]
    conflicts = [response for response in responses if response.status_code == 409]
    assert len(successes) + len(conflicts) == 20
    assert {response.json()["code"] for response in conflicts} <= {"request_in_progress"}
    assert len({response.content for response in successes}) == 1
    assert [response for response in successes if "Idempotent-Replayed" not in response] != []
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_repeat_during_an_uncommitted_request_is_request_in_progress(api):
    body = booking_request(make_service())
    has_booked, may_commit, first_responses = threading.Event(), threading.Event(), []

    def book_slowly():
        with transaction.atomic():
            first_responses.append(post(APIClient(), body))
            has_booked.set()
            may_commit.wait(30)
        connection.close()

    first = threading.Thread(target=book_slowly)
    first.start()
    has_booked.wait(30)
    with short_lock_timeout():
        second = post(api, body)
    may_commit.set()
    first.join()
    third = post(api, body)

    assert (second.status_code, second.json()["code"], second["Retry-After"]) == (409, "request_in_progress", "1")
    assert (third.status_code, third.content) == (201, first_responses[0].content)


@pytest.mark.django_db(transaction=True)
def test_key_deleted_during_a_repeat_is_request_in_progress(api):
    """The first request deletes the key between the INSERT and the SELECT of the second."""
    body = booking_request(make_service())
    first = begin_execution(make_keyed_request(body, path="/bookings/"))

    def delete_row(execute, sql, *args):
        if sql.startswith("SELECT") and "bookings_idempotencykey" in sql:
            other = threading.Thread(target=lambda: (interrupt(first, Undone()), connection.close()))
            other.start()
            other.join()
        return execute(sql, *args)

    with connection.execute_wrapper(delete_row):
        response = post(api, body)

    assert (response.status_code, response.json()["code"]) == (409, "request_in_progress")
    assert post(api, body).status_code == 201


def test_replay_is_not_limited_by_the_booking_rate_limit(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 2
    body = booking_request(make_service())
    first = post(api, body)

    responses = [post(api, body) for _ in range(3)]
    other = post(api, {**body, "notes": "another"})

    assert [response.content for response in responses] == [first.content] * 3
    assert other.status_code == 429


def test_replays_are_within_the_limit_of_requests(api, settings, one_minute):
    settings.LIMIT_BOOKINGS_PER_HOUR, settings.LIMIT_REQUESTS_PER_MINUTE = 1, 2
    body = booking_request(make_service())

    statuses = [post(api, body).status_code for _ in range(4)]

    assert statuses == [201, 201, 201, 429]


def test_begin_execution_while_locked_raises_request_in_progress():
    hold(begin_execution(make_keyed_request()))

    with pytest.raises(RequestInProgress):
        begin_execution(make_keyed_request())


def test_execution_resumes_with_booking_and_token_after_the_lock_expired():
    first = hold(begin_execution(make_keyed_request()))
    expire_the_lock()

    resumed = begin_execution(make_keyed_request())

    assert isinstance(resumed, Execution)
    assert resumed.interrupted_booking == first.booking
    assert resumed.token_for(first.booking.pk) == first.manage_token
    assert first.booking.accepts_manage_token(first.manage_token)


def test_begin_execution_after_a_resume_raises_request_in_progress():
    hold(begin_execution(make_keyed_request()))
    expire_the_lock()

    begin_execution(make_keyed_request())

    with pytest.raises(RequestInProgress):
        begin_execution(make_keyed_request())


def test_execution_does_not_resume_a_completed_request():
    execution = begin_execution(make_keyed_request())
    booking = hold(execution).booking
    expire_the_lock()
    stale_row = IdempotencyKey.objects.get()
    execution.store_response(booking=booking, content={})

    assert not stale_row.acquire_lock()


def test_begin_execution_with_another_body_raises_key_reused():
    hold(begin_execution(make_keyed_request()))
    expire_the_lock()

    with pytest.raises(IdempotencyKeyReused):
        begin_execution(make_keyed_request({"notes": "another"}))


def test_released_execution_resumes_immediately():
    execution = begin_execution(make_keyed_request())
    booking = hold(execution).booking
    interrupt(execution, RuntimeError())

    assert begin_execution(make_keyed_request()).interrupted_booking == booking


def test_deleted_execution_starts_again():
    execution = begin_execution(make_keyed_request())
    booking = hold(execution).booking
    release_hold(booking_id=booking.pk, actor=DESK)
    interrupt(execution, Undone())

    assert begin_execution(make_keyed_request()).interrupted_booking is None


def test_replay_returns_the_stored_response():
    execution = begin_execution(make_keyed_request())
    new_booking = hold(execution)
    response = execution.store_response(booking=new_booking.booking, content={"manage_token": new_booking.manage_token})

    replay = begin_execution(make_keyed_request())

    assert isinstance(replay, StoredResponse)
    assert (replay.status, replay.body, replay.is_replay) == (201, response.body, True)
    assert json.loads(replay.body) == {"manage_token": new_booking.manage_token}


def test_first_stored_response_wins_over_a_slow_attempt():
    slow = begin_execution(make_keyed_request())
    booking = hold(slow).booking
    expire_the_lock()
    quick = begin_execution(make_keyed_request())

    first = quick.store_response(booking=booking, content={"order": 1})
    second = slow.store_response(booking=booking, content={"order": 2})

    assert json.loads(first.body) == json.loads(second.body) == {"order": 1}


def test_completed_execution_is_neither_released_nor_deleted():
    execution = begin_execution(make_keyed_request())
    execution.store_response(booking=hold(execution).booking, content={})

    interrupt(execution, RuntimeError())
    interrupt(execution, Undone())

    assert isinstance(begin_execution(make_keyed_request()), StoredResponse)


def test_rolled_back_execution_stores_nothing():
    with transaction.atomic():
        hold(begin_execution(make_keyed_request()))
        keys_inside = count_rows()[2]
        transaction.set_rollback(True)

    assert (keys_inside, count_rows()) == (1, (0, 0, 0))


def test_execution_without_row_stores_nothing():
    execution = Execution()
    new_booking = hold(execution)

    response = execution.store_response(booking=new_booking.booking, content={"manage_token": new_booking.manage_token})
    interrupt(execution, RuntimeError())
    interrupt(execution, Undone())

    assert json.loads(response.body) == {"manage_token": new_booking.manage_token}
    assert execution.token_for(new_booking.booking.pk) != new_booking.manage_token
    assert IdempotencyKey.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_one_of_many_repeats_resumes_after_the_lock_expired():
    with transaction.atomic():
        hold(begin_execution(make_keyed_request()))
    expire_the_lock()
    gate, results = threading.Barrier(10), []

    def resume():
        gate.wait()
        try:
            results.append(type(begin_execution(make_keyed_request())).__name__)
        except RequestInProgress:
            results.append("in progress")
        finally:
            connection.close()

    run_in_threads([resume] * 10)

    assert sorted(results) == ["Execution"] + ["in progress"] * 9


def test_idempotency_keys_are_purged_after_seven_days():
    for key, age in {"old": timedelta(days=7, minutes=1), "recent": timedelta(days=7) - timedelta(minutes=1)}.items():
        begin_execution(make_keyed_request(key=key))
        IdempotencyKey.objects.filter(key_hash=make_keyed_request(key=key).key_hash).update(
            created_at=timezone.now() - age
        )

    assert purge(IdempotencyKey) == 1
    assert IdempotencyKey.objects.get().key_hash == make_keyed_request(key="recent").key_hash


def test_database_refuses_a_stored_response_without_its_booking():
    begin_execution(make_keyed_request())

    with pytest.raises(IntegrityError, match="an_answer_is_about_a_booking"), transaction.atomic():
        IdempotencyKey.objects.update(status=201, body="{}")


def test_database_refuses_a_second_row_for_a_key():
    begin_execution(make_keyed_request())
    row = IdempotencyKey.objects.get()

    with pytest.raises(IntegrityError, match="one_request_per_key"), transaction.atomic():
        IdempotencyKey.objects.create(
            scope=row.scope, key_hash=row.key_hash, fingerprint="", locked_until=timezone.now()
        )


def run_in_threads(tasks):
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class short_lock_timeout:
    """Set a short lock_timeout, so that the test does not wait long."""

    def __enter__(self):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")

    def __exit__(self, *error):
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
