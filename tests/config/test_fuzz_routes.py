"""Random requests to every route and method: never a 5xx, one error format, nothing half-written."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, connection
from django.test import Client

from accounts.operations import create_staff_token
from bookings.operations import create_booking
from foundation.events import Actor, ActorKind
from foundation.http.error_pages import is_api_path
from foundation.http.problem_pages import problem_texts
from foundation.invariants import find_violations, registered_invariants
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_class, make_paid_service, make_service, slot
from tests.builders.fuzzing import BROWSER, CSRF_TOKEN, Fuzzer, Request, Response
from tests.builders.routes import routes

# FUZZ_REQUESTS=10000 sends that many, with a new seed each time, unless FUZZ_SEED names one.
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "0"))
SEED = os.environ.get("FUZZ_SEED") or (uuid4().hex[:8] if REQUESTS else "0")
PER_ROUND = 250
ROUNDS = max(REQUESTS // PER_ROUND, 1)
WRITTEN_BY_REFUSALS = {"payments_gatewayevent"}
ROUTES = [route for route in routes() if "logout" not in route and "sign-out" not in route]

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(0)]


class World:
    """A business with a booking of each kind, and the headers of each identity."""

    def __init__(self) -> None:
        services = [make_service(), make_paid_service(), make_class()]
        self.booking = create_booking(
            service=services[0], starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
        )
        self.known = {
            "booking_id": [str(self.booking.booking.pk)],
            "slug": [service.slug for service in services],
            "starts_at": [slot(hour=hour).isoformat() for hour in range(9, 18)],
            "notification_id": [str(pk) for pk in Notification.objects.values_list("pk", flat=True)],
            "name": ["slot-taken"],
            "tool": ["confirm", "decline", "complete", "cancel", "no_show", "reschedule"],
            "app_label": ["bookings", "payments", "auth"],
        }
        superuser = make_staff("superuser", group=None, is_superuser=True)
        self.identities = {
            "anonymous": {},
            "customer": {"HTTP_X_BOOKING_TOKEN": self.booking.manage_token},
            "desk": sign_in(make_staff("desk")),
            "manager": sign_in(make_staff("manager", group="Managers")),
            "superuser": sign_in(superuser),
        }

    def ids(self, name: str) -> list[str]:
        """Return values for a path parameter or, for a route or path of the admin, the ids of its model."""
        app, _, rest = name.strip("/").removeprefix("admin/").partition("/")
        model = apps.all_models.get(app, {}).get(rest.partition("/")[0])
        if model is not None:
            return [str(pk) for pk in model._base_manager.values_list("pk", flat=True)[:20]]
        return self.known.get(name, [])


def sign_in(user: Any) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF_TOKEN}"
    return {"HTTP_COOKIE": cookies, "HTTP_AUTHORIZATION": f"Bearer {create_staff_token(user=user).token}"}


@pytest.fixture
def world(settings):
    settings.RAZORPAY_API_BASE_URL = "http://127.0.0.1:9"  # nothing listens there
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield World()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def server_errors():
    """Collect the places of the exceptions that became a 500."""
    places: list[str] = []

    def collect(**kwargs: Any) -> None:
        error = sys.exc_info()[1]
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        places.append(f"{error!r:.200} at {' < '.join(f'{f.filename[-40:]}:{f.lineno}' for f in reversed(frames))}")

    got_request_exception.connect(collect, weak=False)
    yield places
    got_request_exception.disconnect(collect)


def content_of_tables() -> dict[str, tuple[int, int]]:
    """Return the number of rows and a checksum of each table of bookings, payments, messages and accounts."""
    tables = [
        model._meta.db_table
        for label in ("bookings", "payments", "notifications", "auth")
        for model in apps.get_app_config(label).get_models()
        if model._meta.db_table not in WRITTEN_BY_REFUSALS
    ]
    queries = [
        f"SELECT '{table}', count(*), sum(hashtextextended(row::text, 0)::numeric) FROM {table} row" for table in tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries))
        return {table: (count, checksum) for table, count, checksum in cursor.fetchall()}


def faults_of(request: Request, response: Response) -> str:
    """Return what is wrong with the response, or an empty string."""
    status, content_type = response.status_code, response.headers.get("Content-Type", "").partition(";")[0]
    if status >= 500 and not (status == 503 and "Retry-After" in response.headers):
        return f"status {status}"
    if status < 400:
        return ""
    if request.headers["HTTP_ACCEPT"] == BROWSER and not is_api_path(request.path):
        is_docs = request.path.startswith("/docs")  # DRF renders it
        return "" if content_type == "text/html" or is_docs else f"status {status} as {content_type}"
    if content_type != "application/problem+json":
        return f"status {status} as {content_type}"
    if request.method == "HEAD":
        return ""
    problem = json.loads(response.content)
    is_known = problem["code"] in problem_texts() and problem["status"] == status and problem["detail"]
    return "" if is_known else f"problem {problem}"


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_no_random_request_breaks_it(world, server_errors, round_number):
    fuzzer = Fuzzer(f"{SEED} {round_number}", world.identities, world.ids)
    faults = set()
    for number in range(PER_ROUND):
        route = fuzzer.random.choice(ROUTES)
        identity, request = fuzzer.build(route)
        before = content_of_tables()
        response = request.send()
        fault = faults_of(request, response)
        if not fault and 400 <= response.status_code < 500 and content_of_tables() != before:
            fault = f"status {response.status_code} after a change"
        if fault:
            cause = server_errors[-1] if server_errors and "status 500" in fault else ""
            faults.add(f"{request.method} {route} by {identity}: {fault} {cause}")
            connection.close() if connection.needs_rollback else None
        if REQUESTS and number % 50 == 49:
            sys.__stderr__.write(f"\r{round_number * PER_ROUND + number + 1} requests, seed {SEED} ")

    violations = [
        sentence
        for invariants in registered_invariants().values()
        for sentence, query in invariants.items()
        if find_violations(query)
    ]
    assert (sorted(faults), violations) == ([], []), f"FUZZ_SEED={SEED}"
