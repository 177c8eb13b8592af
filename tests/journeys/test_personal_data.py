"""A customer with payments, a refund, messages and replies: the export holds all of it, the erasure leaves none."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from bookings.models import Booking
from notifications.models import ErasedOptOut, InboundMessage, Suppression
from payments.models import DeskPayment, Payment, Refund
from tests.builders.accounts import make_staff
from tests.builders.personal_data import Canaries, CustomerWithHistory, all_rows

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def canaries():
    return Canaries()


@pytest.fixture
def staff():
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client


@pytest.fixture
def history(staff, sandbox, canaries):
    api = APIClient(raise_request_exception=False)
    return CustomerWithHistory(api, staff, sandbox, canaries)


def press(staff, history, button, data=None):
    return staff.post(f"/admin/bookings/customer/{history.customer.pk}/actions/{button}/", data or {})


def test_the_export_holds_everything_that_is_stored_about_a_customer(staff, history, canaries, capsys):
    stored = {value for text in all_rows().values() for value in canaries.found_in(text)}

    response = press(staff, history, "export")
    call_command("export_customer", history.customer.pk)

    exported = json.loads(response.content)
    assert response.headers["Content-Disposition"] == 'attachment; filename="data.json"'
    assert len(stored) >= 20
    assert canaries.found_in(response.content.decode()) == stored
    assert canaries.found_in(capsys.readouterr().out) == stored
    assert {title: len(rows) for title, rows in exported.items() if title in ("bookings", "payments", "refunds")} == {
        "bookings": 2,
        "payments": 1,
        "refunds": 1,
    }
    assert len(exported["inbound messages"]) == 3


def test_the_erasure_leaves_nothing_outside_the_accounts(staff, history, canaries):
    accounts = [list(model.objects.values("pk", "amount_minor")) for model in (Payment, Refund, DeskPayment)]
    bookings = list(Booking.objects.values("pk", "reference", "starts_at", "price_minor", "status"))

    response = press(staff, history, "erase", {"confirmed": "yes"})

    left = {table: found for table, text in all_rows().items() if (found := canaries.found_in(text))}
    assert (response.status_code, left) == (302, {})
    assert [list(model.objects.values("pk", "amount_minor")) for model in (Payment, Refund, DeskPayment)] == accounts
    assert list(Booking.objects.values("pk", "reference", "starts_at", "price_minor", "status")) == bookings
    history.customer.refresh_from_db()
    assert history.customer.name == f"Erased customer {history.customer.pk}"
    assert (InboundMessage.objects.count(), Suppression.objects.count(), ErasedOptOut.objects.count()) == (3, 0, 1)
    call_command("check_invariants")


def test_a_replay_after_the_erasure_books_nothing(staff, history):
    before = history.book()
    press(staff, history, "erase", {"confirmed": "yes"})

    after = history.book()

    assert (before.status_code, before.content) == (201, history.first_response.content)
    assert (after.status_code, after.json()["code"]) == (410, "response_erased")
    assert Booking.objects.count() == 2
