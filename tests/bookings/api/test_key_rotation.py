"""Replays, manage tokens and limits per caller after a new SECRET_KEY, with the earlier one as a fallback."""

from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from bookings.api.idempotency import begin_execution
from bookings.api.keyed_request import KeyedRequest
from bookings.exceptions import RequestInProgress, UnpaidHoldExists
from bookings.models import Booking, IdempotencyKey
from bookings.operations import create_booking
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_hold, make_service, slot
from tests.builders.callers import anonymous_caller, service_client, staff_client
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

OLD, NEW = "the old key abcdefghijklmnopqrstuvwxyz", "the new key abcdefghijklmnopqrstuvwxyz"
IDEMPOTENCY_KEY = str(uuid4())


@pytest.fixture
def rotate(settings):
    """Use the old key, and return a function that rotates it."""
    settings.SECRET_KEY = OLD

    def replace_key(*, is_old_valid=True):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD] if is_old_valid else []

    return replace_key


def post(client, body, **headers):
    return client.post("/bookings/", body, format="json", headers=headers)


@pytest.mark.parametrize("headers", [{"Idempotency-Key": IDEMPOTENCY_KEY}, {}])
@pytest.mark.parametrize("make_client", [APIClient, service_client, staff_client])
def test_replay_after_a_rotation_is_the_first_response_byte_for_byte(rotate, make_client, headers):
    client, body = make_client(), booking_request(make_service(resources=2))
    first = post(client, body, **headers)
    rotate()

    replay = post(client, body, **headers)

    assert (replay.status_code, replay.content, replay["Idempotent-Replayed"]) == (201, first.content, "true")
    token = {"X-Booking-Token": replay.json()["manage_token"]}
    assert APIClient().get(f"/bookings/{replay.json()['id']}", headers=token).status_code == 200
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_new_request_after_a_rotation_is_replayed_once_the_old_key_is_gone(rotate, api):
    body, headers = booking_request(make_service(resources=2)), {"Idempotency-Key": IDEMPOTENCY_KEY}
    rotate()
    first = post(api, body, **headers)
    rotate(is_old_valid=False)

    replay = post(api, body, **headers)

    assert replay.content == first.content


def test_manage_token_stays_valid_without_the_old_key(rotate, api):
    created = post(api, booking_request(make_service())).json()
    rotate(is_old_valid=False)

    response = api.get(f"/bookings/{created['id']}", headers={"X-Booking-Token": created["manage_token"]})

    assert response.status_code == 200


@pytest.mark.parametrize("make_client", [APIClient, service_client, staff_client])
def test_caller_of_a_booking_from_before_a_rotation_cannot_book_the_person_twice(rotate, make_client):
    client, service = make_client(), make_service(resources=2)
    post(client, booking_request(service))
    rotate()

    response = post(client, booking_request(service, notes="another request"))

    assert (response.status_code, response.json()["code"]) == (409, "already_booked")


def test_hold_from_before_a_rotation_counts_towards_the_limit(rotate, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    hold = make_hold(caller=anonymous_caller(), starts_at=slot(hour=10))
    rotate()

    with pytest.raises(UnpaidHoldExists):
        make_hold(hold.service, caller=anonymous_caller(), starts_at=slot(hour=12))


@pytest.mark.django_db(transaction=True)
def test_hosts_with_different_current_keys_execute_a_request_once():
    """During a rotation, each host has both keys, in another order."""
    service = make_service(resources=8)
    caller = anonymous_caller()
    requests = [KeyedRequest(caller, scopes, "f" * 64, "key") for scopes in (("old", "new"), ("new", "old"))] * 4

    def book(keyed):
        with transaction.atomic():
            execution = begin_execution(keyed)
            booking = create_booking(service=service, starts_at=slot(), customer=CUSTOMER, actor=DESK)
            execution.attach_booking(booking.booking)

    errors = run_concurrently([partial(book, keyed) for keyed in requests])

    assert [type(error) for error in errors] == [RequestInProgress] * 7
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
