"""Requests without an idempotency key: the caller and the body act as one, for ten minutes."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models import F
from rest_framework.test import APIClient

from bookings.models import Booking, IdempotencyKey
from bookings.operations import cancel_booking, confirm_booking, reschedule_booking
from notifications.models import Notification
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_service, slot
from tests.builders.callers import OTHER_ADDRESS, service_client, staff_client
from tests.builders.retention import purge
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db


def post(client, body, **extra):
    return client.post("/bookings/", body, format="json", **extra)


def age_keys(age):
    IdempotencyKey.objects.update(created_at=F("created_at") - age, locked_until=F("locked_until") - age)


@pytest.mark.parametrize("make_client", [APIClient, service_client, staff_client])
def test_equal_request_is_replayed_with_its_manage_token(make_client):
    client, body = make_client(), booking_request(make_service(resources=2))
    first = post(client, body)
    messages_before = Notification.objects.count()

    repeat = post(client, body)

    token = {"X-Booking-Token": repeat.json()["manage_token"]}
    assert (repeat.status_code, repeat.content, repeat["Idempotent-Replayed"]) == (201, first.content, "true")
    assert APIClient().get(f"/bookings/{repeat.json()['id']}", headers=token).status_code == 200
    assert (Booking.objects.count(), Notification.objects.count()) == (1, messages_before)


@pytest.mark.django_db(transaction=True)
def test_concurrent_equal_requests_create_one_booking():
    body = booking_request(make_service(resources=8))
    responses = []

    errors = run_concurrently([lambda: responses.append(post(APIClient(), body))] * 8)

    assert errors == []
    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("seconds", [599, 601])
def test_repeat_is_recognised_for_ten_minutes(api, seconds):
    body = booking_request(make_service(resources=2))
    post(api, body)
    age_keys(timedelta(seconds=seconds))

    repeat = post(api, body)

    expected = (201, None) if seconds < 600 else (409, "already_booked")
    assert (repeat.status_code, repeat.json().get("code")) == expected
    assert Booking.objects.count() == 1


def cancel(booking):
    cancel_booking(booking_id=booking.pk, actor=DESK)


def reschedule(booking):
    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), resource=None, actor=DESK)


@pytest.mark.parametrize("change", [cancel, reschedule])
def test_repeat_after_the_booking_moved_away_books_again(api, change):
    body = booking_request(make_service(resources=2))
    first = post(api, body)
    change(Booking.objects.get())

    repeat = post(api, body)
    third = post(api, body)

    assert (repeat.status_code, "Idempotent-Replayed" in repeat) == (201, False)
    assert repeat.json()["id"] != first.json()["id"]
    assert third.content == repeat.content


def test_repeat_of_a_confirmed_booking_is_already_booked(api):
    body = booking_request(make_service(resources=2))
    post(api, body)
    confirm_booking(booking_id=Booking.objects.get().pk, actor=DESK)

    repeat = post(api, body)

    assert (repeat.status_code, repeat.json()["code"]) == (409, "already_booked")
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_repeats_after_a_cancellation_create_one_booking():
    body = booking_request(make_service(resources=8))
    post(APIClient(), body)
    cancel(Booking.objects.get())
    responses = []

    errors = run_concurrently([lambda: responses.append(post(APIClient(), body))] * 8)

    assert (errors, {response.status_code for response in responses}) == ([], {201})
    assert Booking.objects.filter(status="pending").count() == 1


def test_refusal_is_not_stored(api):
    service = make_service()
    other = make_booking(service, customer={**CUSTOMER, "name": "Ravi"})
    refusal = post(api, booking_request(service))
    rows = IdempotencyKey.objects.count()
    cancel(other)

    assert (refusal.status_code, rows, post(api, booking_request(service)).status_code) == (409, 0, 201)


def test_other_caller_with_the_same_body_gets_a_booking_and_token_of_its_own(api):
    body = booking_request(make_service(resources=4))
    clients = [partial(post, api), partial(post, api, REMOTE_ADDR=OTHER_ADDRESS)]
    clients += [partial(post, service_client()), partial(post, staff_client())]

    responses = [send(body) for send in clients]

    assert [response.status_code for response in responses] == [201] * 4
    assert len({response.json()["id"] for response in responses}) == 4
    assert len({response.json()["manage_token"] for response in responses}) == 4


def test_stored_row_contains_a_secret_but_no_token(api):
    token = post(api, booking_request(make_service())).json()["manage_token"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM bookings_idempotencykey r")
        ((row,),) = cursor.fetchall()
    assert (token in row, len(IdempotencyKey.objects.get().secret)) == (False, 43)


def test_secrets_of_two_requests_differ(api):
    service = make_service()
    for hour in (10, 11):
        post(api, booking_request(service, starts_at=slot(hour=hour).isoformat()))

    assert len(set(IdempotencyKey.objects.values_list("secret", flat=True))) == 2


def test_purge_deletes_requests_without_key_after_seven_days(api):
    post(api, booking_request(make_service()))
    age_keys(timedelta(days=7, minutes=1))

    assert purge(IdempotencyKey) == 1
