import pytest
from django.test import Client

from config.settings import SECURITY_HEADERS
from foundation.http.transport import NOT_ENFORCED, check_https
from tests.builders.bookings import booking_request, make_service
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

PROXY_HTTP = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
PROXY_HTTPS = {**PROXY_HTTP, "X-Forwarded-Proto": "https"}
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def https(settings):
    settings.PUBLIC_BASE_URL = "https://book.example"
    settings.TRUSTED_PROXIES = 1
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 1000


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/docs/", "/schema/", "/services/", "/nothing", "/static/admin/css/base.css"]
)
def test_every_response_has_the_security_headers(client, path):
    response = client.get(path)
    response.close()

    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "'unsafe" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("path", ["/admin/login/?next=/notifications/", "/docs/", "/%2Fevil.example/x"])
def test_page_over_http_is_redirected_to_the_public_url(https, method, path):
    response = getattr(Client(), method)(path, headers={**PROXY_HTTP, "Host": "evil.example"})

    assert (response.status_code, response["Location"]) == (301, f"https://book.example{path.replace('%2F', '/')}")


@pytest.mark.parametrize("path", ["/services/", "/bookings/", "/auth/token", "/schema/"])
def test_api_over_http_is_refused(https, path):
    assert_problem(Client().get(path, headers={**PROXY_HTTP, **BROWSER}), 403, "https_required")


def test_booking_over_http_is_refused(https, api):
    response = api.post("/bookings/", booking_request(make_service()), format="json", headers=PROXY_HTTP)

    assert_problem(response, 403, "https_required")


def test_form_over_http_is_refused_with_a_page(https):
    response = Client().post("/admin/login/", {"password": "x"}, headers={**PROXY_HTTP, **BROWSER})

    assert response.status_code == 403
    assert "This form was sent without encryption" in response.content.decode()


@pytest.mark.parametrize("path", ["/services/", "/admin/login/"])
def test_request_over_https_is_served_with_hsts(https, path):
    response = Client().get(path, headers=PROXY_HTTPS)

    assert (response.status_code, response["Strict-Transport-Security"]) == (200, "max-age=1000")


def test_request_without_the_proxys_protocol_is_served_and_logged_once(https, caplog):
    client = Client(headers={"X-Forwarded-For": "203.0.113.9"})

    statuses = [client.get("/admin/login/").status_code for _ in range(2)]

    assert statuses == [200, 200]
    warnings = [record.getMessage() for record in caplog.records if record.name == "foundation.http.transport"]
    assert [warning.partition(":")[0] for warning in warnings] == ["The proxy sets no X-Forwarded-Proto"]


@pytest.mark.parametrize("path", ["/services/", "/admin/login/"])
def test_protocol_of_an_untrusted_proxy_is_ignored(https, settings, path):
    """Otherwise a redirect would never end behind a proxy for which TRUSTED_PROXIES is not set."""
    settings.TRUSTED_PROXIES, settings.SECURE_PROXY_SSL_HEADER = 0, None

    assert Client().get(path, headers=PROXY_HTTP).status_code == 200


def test_check_warns_of_https_without_a_trusted_proxy(https, settings):
    with_proxy = check_https()
    settings.SECURE_PROXY_SSL_HEADER = None
    without_proxy = check_https()
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:8000"

    assert (with_proxy, without_proxy, check_https()) == ([], [NOT_ENFORCED], [])
