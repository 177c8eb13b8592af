from base64 import b64encode
from urllib.parse import urlencode

import pytest

from tests.builders.bookings import make_booking
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db


def cursor(**parts):
    """Return a pagination cursor as DRF encodes it."""
    return "cursor=" + b64encode(urlencode(parts).encode()).decode()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("status=pending", 200),
        ("status=sleeping", 400),
        ("status=sleeping&status=pending", 400),
        ("format=xml", 400),
        ("cursor=junk", 400),
        ("cursor=AAAA", 400),
        (cursor(p="x"), 400),
        (cursor(p="2026-01-01"), 400),  # without an offset
        (cursor(p="2026-12-01T00:00:00+00:00"), 200),
        (cursor(p="2026-12-01T00:00:00+23:59"), 200),  # an offset that Python supports and PostgreSQL does not
        (cursor(p="0001-01-01T00:00:00+10:00"), 400),
        (cursor(p="2026-12-01T00:00:00+00:00", o="x"), 400),
        ("reference=%00", 400),
        ("page_size=x", 400),
        ("&".join(["page_size=1"] * 1500), 400),
    ],
)
def test_booking_list_query_params_are_validated(desk, query, status):
    make_booking()

    response = desk.get(f"/bookings/?{query}")

    assert response.status_code == status
    assert status == 200 or response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["statsu=pending", "format=xml", "&".join("a" * 1500)])
def test_unknown_query_param_is_refused(api, query):
    response = api.get(f"/services/?{query}")

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


def test_invalid_filter_is_named(desk):
    assert_problem(desk.get("/bookings/?status=sleeping"), 400, "invalid_input", ["status"])
