"""A customer with payments, a refund, messages and replies: the export holds all of it, the erasure leaves none."""

from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from bookings.models import Booking, Customer
from foundation.due_rows import process_rows
from foundation.outcomes import CallFailed
from notifications.models import ErasedOptOut, InboundMessage, Suppression
from payments.models import DeskPayment, GatewayEvent, Payment, Refund
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


@pytest.fixture
def log_lines():
    """What the console shows of all loggers."""
    handlers = logging.getLogger("bookings").handlers
    (console,) = [each for each in handlers if type(each) is logging.StreamHandler]
    lines = StringIO()
    previous = console.setStream(lines)
    yield lines
    console.setStream(previous)


def press(staff, history, button, data=None):
    return staff.post(f"/admin/bookings/customer/{history.customer.pk}/actions/{button}/", data or {})


def test_the_export_holds_everything_that_is_stored_about_a_customer(staff, history, canaries, capsys):
    stored = {value for text in all_rows().values() for value in canaries.found_in(text)}

    response = press(staff, history, "export")
    call_command("export_customer", history.customer.pk)

    exported = json.loads(response.content)
    assert response.headers["Content-Disposition"] == 'attachment; filename="data.json"'
    assert len(canaries.values) >= 64
    assert len(stored) >= 64
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
    assert list(GatewayEvent.objects.filter(body__isnull=False)) == []  # also one whose bytes are not JSON
    call_command("check_invariants")


def test_a_replay_after_the_erasure_books_nothing(staff, history):
    before = history.book()
    press(staff, history, "erase", {"confirmed": "yes"})

    after = history.book()

    assert (before.status_code, before.content) == (201, history.first_response.content)
    assert (after.status_code, after.json()["code"]) == (410, "response_erased")
    assert Booking.objects.count() == 2


def test_logs_and_jobs_contain_nothing_that_customers_enter(log_lines, history, canaries):
    name, phone, email = canaries.text(), canaries.phone(), canaries.email()
    visitor = Client(raise_request_exception=False)
    for text in (name, phone, email):
        for page in ("/admin/bookings/customer/?q={}", "/admin/bookings/booking/?id__exact={}", "/notifications/?q={}"):
            history.staff.get(page.format(quote(text)))
        visitor.post(f"/bookings/?name={quote(text)}", {"customer": text}, content_type="application/json")
        visitor.post("/payments/razorpay/webhook", {"event": text}, content_type="application/json")
    for error in (ValueError(name), KeyError(phone), CallFailed(f"550 no such user {email} {phone}")):
        fail_in_the_background(history.customer, error)
    process_rows([history.customer], call=lambda row: None, apply=insert_again, on_failure=unexpected)

    logged = log_lines.getvalue()
    jobs = {table: text for table, text in all_rows().items() if table.startswith("django_q")}

    assert "psycopg2.errors.UniqueViolation" in logged
    assert "constraint one_row_per_customer" in logged
    assert "550 no such user (e-mail address) (phone number)" in logged
    assert canaries.found_in(logged) == set()
    assert {table for table, text in jobs.items() if canaries.found_in(text)} == set()
    assert canaries.found_in(log_of_the_database_server()) == set()


def fail_in_the_background(row, cause):
    """Let a due row fail with this error, which is logged."""

    def call(row):
        raise RuntimeError("Failed") from cause

    process_rows([row], call=call, apply=unexpected, on_failure=unexpected)


def insert_again(customer, result):
    Customer.objects.create(name=customer.name, phone=customer.phone, email=customer.email)


def unexpected(*args):
    raise AssertionError(args)


def log_of_the_database_server():
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        return (Path(cursor.fetchone()[0]) / "log").read_text()
