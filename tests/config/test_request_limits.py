"""Every route that does not require an account limits the requests of a client. The routes come from the URLconf."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client

from config.schema_view import rendered_schema
from foundation.models import CallbackSource
from notifications.models import Notification
from tests.builders.accounts import sign_in_staff
from tests.builders.bookings import make_service, slot
from tests.builders.callers import OTHER_ADDRESS, bearer_client, service_client, staff_client
from tests.builders.notifications import make_notification
from tests.builders.payments import post_webhook, sign_webhook
from tests.builders.routes import routes
from tests.builders.twilio import post_status_callback

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_minute")]

METHODS = {  # each from a client of its own
    method: f"198.51.100.{number}" for number, method in enumerate(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
}
LIMITS = ["LIMIT_REQUESTS_PER_MINUTE", "LIMIT_BOOKINGS_PER_HOUR", "LIMIT_BOOKING_ACCESS_PER_MINUTE"]
NEEDS_ACCOUNT, NOT_ALLOWED, THROTTLED = 401, 405, 429
VALUES = {"uuid": "0b4f0d3e-6f2c-4c3a-9d55-1f4a5c6e7d80", "int": "1", "app_label": "auth"}


def path_of(route: str) -> str:
    """Return a path of the route. A limit applies before rows are looked up, so any values will do."""
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda name: VALUES.get(name[1], "x"), route)
    path = re.sub(r"<(?:(\w+):)?\w+>", lambda kind: VALUES.get(kind[1], "x"), path)
    return "/" + path.replace("^", "").replace("$", "")


@pytest.mark.parametrize("route", routes())
def test_every_route_needs_an_account_or_limits_the_requests_of_a_client(settings, route):
    for name in LIMITS:
        setattr(settings, name, 1)
    client, path = Client(raise_request_exception=False), path_of(route)

    responses = {
        method: [client.generic(method, path, b"{}", "application/json", REMOTE_ADDR=address) for _ in range(2)][1]
        for method, address in METHODS.items()
    }

    # Where an account is needed, and for a method that does not exist, nothing is done before the refusal.
    statuses = {response.status_code for response in responses.values()}
    assert statuses & {NEEDS_ACCOUNT, THROTTLED}
    assert statuses <= {NEEDS_ACCOUNT, NOT_ALLOWED, THROTTLED}
    assert all("Retry-After" in response for response in responses.values() if response.status_code == THROTTLED)


@pytest.mark.parametrize(("days", "cost"), [(1, 1), (5, 2), (62, 13)])
def test_availability_counts_by_the_days_that_are_asked_for(api, settings, days, cost):
    settings.LIMIT_REQUESTS_PER_MINUTE = 2 * cost
    first = slot().date()
    path = f"/services/{make_service().slug}/availability"
    query = {"from": first.isoformat(), "to": (first + timedelta(days=days - 1)).isoformat()}

    assert [api.get(path, query).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("query", ["from=2026-02-30", "from=2026-03-01&to=x", "from=2026-03-02&to=2026-03-01", "to=x"])
def test_availability_with_invalid_dates_counts_once(api, settings, query):
    settings.LIMIT_REQUESTS_PER_MINUTE = 2
    path = f"/services/{make_service().slug}/availability?{query}"

    assert [api.get(path).status_code for _ in range(3)] == [400, 400, 429]


def test_expensive_requests_count_as_several(api, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 8

    paid = [api.post("/bookings/verify-payment", {}, format="json").status_code for _ in range(3)]
    catalogue = [api.get("/services/", REMOTE_ADDR=OTHER_ADDRESS).status_code for _ in range(5)]

    assert (paid, catalogue) == ([400, 400, 429], [200] * 4 + [429])


def test_the_limit_is_shared_by_routes_and_counts_ipv6_by_its_64(client, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 2

    paths = ["/healthz", "/problems/", "/healthz", "/schema/"]
    statuses = [client.get(path, REMOTE_ADDR=f"2001:db8::{number}").status_code for number, path in enumerate(paths)]

    assert statuses == [200, 200, 429, 429]
    assert client.get("/healthz", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


def test_signed_in_staff_are_not_limited_and_an_invalid_session_is(settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 1
    desk, forged = sign_in_staff("Front desk"), Client()
    forged.cookies[settings.SESSION_COOKIE_NAME] = "forged"

    assert [desk.get("/admin/").status_code for _ in range(3)] == [200] * 3
    assert [forged.get("/admin/").status_code for _ in range(2)] == [302, 429]


def test_a_page_beyond_the_limit_is_a_page(client, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 1
    client.get("/admin/login/")

    refused = client.get("/admin/login/", headers={"Accept": "text/html"})

    assert (refused.status_code, refused["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert "Too many requests" in refused.content.decode()


def test_the_schema_is_rendered_once(client):
    rendered_schema.cache_clear()

    bodies = {client.get(f"/schema/?version={number}").content for number in range(3)}

    assert len(bodies) == 1
    assert (rendered_schema.cache_info().misses, rendered_schema.cache_info().hits) == (1, 2)


def test_callbacks_count_only_without_a_valid_signature(settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 6
    message = make_notification(status=Notification.Status.ACCEPTED, provider_id="SM1")

    signed = [post_status_callback(message, "delivered").status_code for _ in range(3)]
    signed += [post_webhook(b"{}", sign_webhook(b"{}")).status_code for _ in range(3)]
    forged = [post_status_callback(message, "delivered", token="x").status_code for _ in range(2)]
    forged += [post_webhook(b"{}", "x").status_code]

    assert (signed, forged) == ([204] * 3 + [200] * 3, [403, 403, 429])
    assert CallbackSource.objects.filter(refused__gt=0).count() == 1
    assert post_status_callback(message, "delivered").status_code == 204


def test_service_token_has_a_request_limit_of_its_own(api, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE, settings.LIMIT_SERVICE_TOKEN_REQUESTS_PER_MINUTE = 2, 4
    website = service_client()
    path = f"/services/{make_service().slug}/availability?from={slot().date()}"

    by_website = [website.get("/services/").status_code, website.get(path).status_code, website.get(path).status_code]

    assert by_website == [200] * 3
    assert website.get(path).status_code == 429
    assert [api.get("/services/").status_code for _ in range(2)] == [200, 429]


def test_staff_with_a_token_are_not_limited(settings):
    settings.LIMIT_REQUESTS_PER_MINUTE = 1
    desk = staff_client()

    assert [desk.get("/services/").status_code for _ in range(2)] == [200, 200]


def test_invalid_bearer_tokens_are_limited(settings):
    settings.LIMIT_REQUESTS_PER_MINUTE, website = 2, service_client()
    guesses = [bearer_client(f"guess{number}") for number in range(3)]

    assert [guess.get("/bookings/").status_code for guess in guesses] == [401, 401, 429]
    assert website.get("/bookings/").status_code == 200


@pytest.mark.parametrize("path", ["/problems/", "/services/", "/healthz"])
def test_limit_without_a_database_is_503(api, settings, path):
    settings.LIMIT_REQUESTS_PER_MINUTE = 1

    def fail(*args: object) -> None:
        raise OperationalError

    with connection.execute_wrapper(fail):
        response = api.get(path)

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
