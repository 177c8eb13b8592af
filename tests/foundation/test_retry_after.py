from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from foundation.retry_after import MAX_RETRY_AFTER_SECONDS, parse_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("86400", MAX_RETRY_AFTER_SECONDS),
        ("9" * 400, MAX_RETRY_AFTER_SECONDS),
    ],
)
def test_parse_retry_after_reads_seconds_up_to_the_maximum(value, seconds):
    assert parse_retry_after(value) == seconds


@pytest.mark.parametrize(
    "zone", ["GMT", "+0000", "+0530"], ids=["as in RFC 9110", "numeric offset", "another time zone"]
)
def test_parse_retry_after_reads_an_http_date(zone):
    later = datetime.now(UTC) + timedelta(seconds=90)
    if zone == "+0530":
        value = (later + timedelta(hours=5, minutes=30)).strftime("%a, %d %b %Y %H:%M:%S +0530")
    else:
        value = format_datetime(later, usegmt=zone == "GMT")

    assert 85 < parse_retry_after(value) <= 90


def test_parse_retry_after_reads_a_past_date_as_no_wait():
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    "value",
    [
        *[None, "", " ", "soon", "-5", "nan", "inf", "1e3", "²", "٣", "21 Oct"],
        "Wed, 99 Oct 2015 07:28:00 GMT",
        f"Wed, 21 Oct {'9' * 20} 07:28:00 GMT",
    ],
)
def test_parse_retry_after_ignores_what_it_cannot_read(value):
    assert parse_retry_after(value) is None
