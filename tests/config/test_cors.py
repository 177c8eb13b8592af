"""Pages of the business's own site may call the API; no others may, and no page may use a session."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

SITE = "https://salon.example"
HEADERS = "authorization, content-type, idempotency-key, x-booking-token"


@pytest.fixture
def allowed_site(settings):
    settings.CORS_ALLOWED_ORIGINS = [SITE]


def cors_headers(response):
    return {
        name.lower(): value for name, value in response.headers.items() if name.lower().startswith("access-control-")
    }


def preflight(path, origin=SITE):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": HEADERS}
    return cors_headers(Client().options(path, headers=headers))


def test_preflight_of_the_business_site_is_allowed(allowed_site):
    allowed = preflight("/bookings/")

    assert allowed["access-control-allow-origin"] == SITE
    assert allowed["access-control-allow-headers"] == HEADERS
    assert allowed["access-control-allow-methods"] == "DELETE, GET, HEAD, POST, PUT"
    assert "access-control-allow-credentials" not in allowed


@pytest.mark.parametrize("path", ["/services/", "/bookings/not-an-id", "/bookings/"])
def test_response_to_the_business_site_can_be_read_also_an_error(allowed_site, path):
    headers = cors_headers(Client().get(path, headers={"Origin": SITE}))

    assert headers["access-control-allow-origin"] == SITE
    assert headers["access-control-expose-headers"] == "Idempotent-Replayed, Retry-After"
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://salon.example", "https://salon.example.evil.example", "null", "https://["],
)
def test_other_sites_are_not_allowed(allowed_site, origin):
    assert preflight("/bookings/", origin) == {}
    assert cors_headers(Client().get("/services/", headers={"Origin": origin})) == {}


def test_no_site_is_allowed_by_default():
    assert preflight("/bookings/") == {}


@pytest.mark.parametrize("path", ["/admin/login/", "/docs/", "/problems/", "/notifications/", "/payments/takings.csv"])
def test_pages_take_no_part(allowed_site, path):
    assert preflight(path) == {}
    assert cors_headers(Client().get(path, headers={"Origin": SITE})) == {}
