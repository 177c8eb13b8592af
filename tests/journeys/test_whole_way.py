"""End-to-end journeys over HTTP, with a real worker process and the sandbox as the providers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bookings.models import Booking
from notifications.models import Attempt, Notification
from sandbox.client import ACCEPTED, SIMULATED_CHANNELS, SandboxClient
from tests.builders.accounts import make_staff
from tests.builders.bookings import (
    CUSTOMER,
    booking_request,
    make_paid_service,
    make_service,
    set_minutes_until_visit,
    slot,
)
from tests.processes import kill_worker

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def test_every_message_of_a_completed_booking_arrives_once(web, sandbox, start_worker):
    service = make_service()
    make_staff()
    start_worker(web)

    booking = post(f"{web}/bookings/", booking_request(service), expect=201)
    signed_in = post(f"{web}/auth/token", {"username": "desk", "password": "a-long-password"}, expect=200)
    staff = {"Authorization": f"Bearer {signed_in['token']}"}
    # A message that has not arrived by the next change would be superseded.
    assert_each_arrives_once(booking["id"], 3, sandbox.client)
    confirmed = requests.put(f"{web}/bookings/{booking['id']}/confirm", headers=staff, timeout=10)
    assert_each_arrives_once(booking["id"], 6, sandbox.client)
    set_minutes_until_visit(Booking.objects.get(), 0)
    completed = requests.put(f"{web}/bookings/{booking['id']}/complete", headers=staff, timeout=10)

    assert (booking["status"], confirmed.json()["status"], completed.json()["status"]) == (
        "pending",
        "confirmed",
        "completed",
    )
    assert_each_arrives_once(booking["id"], 9, sandbox.client)


def test_every_message_of_a_paid_booking_arrives_once(web, sandbox, start_worker):
    service = make_paid_service()
    start_worker(web)

    response = post(f"{web}/bookings/razorpay-booking", booking_request(service), expect=201)
    checkout_response = sandbox.client.pay(response["checkout"]["order_id"])
    verified = post(f"{web}/bookings/verify-payment", checkout_response, expect=200)

    assert (response["booking"]["status"], verified["booking"]["status"]) == ("held", "confirmed")
    assert_each_arrives_once(response["booking"]["id"], 3, sandbox.client)


def test_fifty_requests_for_one_slot_create_one_booking(web):
    service = make_service()
    barrier = threading.Barrier(50)

    def request_slot(number):
        request = booking_request(service, customer={**CUSTOMER, "name": f"Customer {number}"})
        barrier.wait()
        return requests.post(f"{web}/bookings/", json=request, timeout=30).status_code

    with ThreadPoolExecutor(50) as customers:
        statuses = sorted(customers.map(request_slot, range(50)))

    assert statuses == [201] + [409] * 49
    assert Booking.objects.count() == 1


def test_killed_worker_sends_nothing_twice_and_leaves_unknown_outcomes(web, sandbox, start_worker):
    sandbox.client.set(message_seconds_min=2, message_seconds_max=2, callback_lost=1)
    service = make_service(resources=4)
    customers = [{**CUSTOMER, "name": name} for name in ("Meera", "Ravi", "Asha", "Dev")]
    requested = [booking_request(service, customer=customer) for customer in customers]
    bookings = [post(f"{web}/bookings/", request, expect=201) for request in requested]
    expected_messages = simulated_messages(booking__in=[booking["id"] for booking in bookings])
    handed_over = Attempt.objects.filter(notification__channel="email", phase="handover")
    log_start = len(sandbox.client.log())
    worker = start_worker(web)
    wait_until(lambda: expected_messages.filter(status=Status.SENDING).count() == 12, "all are being sent")
    wait_until(lambda: handed_over.count() == 4, "the e-mails are handed over")

    kill_worker(worker)
    # The lease of a dead worker expires after a minute; the test lets it expire now.
    expected_messages.filter(status=Status.SENDING).update(lease_until="2000-01-01T00:00:00Z")
    later_booking = post(f"{web}/bookings/", booking_request(service, starts_at=slot(hour=15).isoformat()), expect=201)
    start_worker(web)
    wait_until(
        lambda: count_arrived(later_booking["id"], statuses=[Status.ACCEPTED]) == 3,
        "the new worker sends the new messages",
    )

    assert set(expected_messages.values_list("status", flat=True)) == {Status.UNKNOWN}
    assert set(Attempt.objects.filter(notification__in=expected_messages).values_list("outcome", flat=True)) == {
        "unknown"
    }
    accepted = accepted_ids(sandbox.client, after=log_start)
    assert len(accepted) == len(set(accepted))
    assert set(accepted) <= {str(pk) for pk in Notification.objects.values_list("pk", flat=True)}


def post(url, body, *, expect):
    response = requests.post(url, json=body, timeout=10)
    assert response.status_code == expect, response.text
    return response.json()


def assert_each_arrives_once(booking_id, count, client: SandboxClient):
    wait_until(lambda: count_arrived(booking_id) == count, f"{count} messages arrive")
    expected_messages = {str(pk) for pk in simulated_messages(booking=booking_id).values_list("pk", flat=True)}
    accepted = [pk for pk in accepted_ids(client) if pk in expected_messages]
    assert sorted(accepted) == sorted(expected_messages)


def simulated_messages(**fields):
    """Return the messages on the channels whose providers the sandbox simulates."""
    return Notification.objects.filter(channel__in=SIMULATED_CHANNELS, **fields)


def count_arrived(booking_id, statuses=(Status.DELIVERED, Status.READ)):
    """Return how many messages reached the last status that their channel reports: for e-mail, accepted."""
    expected_messages = simulated_messages(booking=booking_id)
    emails = expected_messages.filter(channel="email", status=Status.ACCEPTED).count()
    return emails + expected_messages.exclude(channel="email").filter(status__in=statuses).count()


def accepted_ids(client: SandboxClient, after=0):
    """Return the ids of the notifications that the providers accepted, once per acceptance."""
    entries = [entry for entry in client.log(after) if entry["kind"] in ACCEPTED]
    return [
        entry["status_callback"].split("/")[-2] if "sid" in entry else entry["message_id"].strip("<").split("@")[0]
        for entry in entries
    ]


def wait_until(condition, description, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds} s until {description}"
        time.sleep(0.1)
