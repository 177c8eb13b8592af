import logging
import logging.config

import pytest
from django.db import OperationalError

from foundation.log_format import PrivateFormatter, redact

UNCHANGED = "Order order_Nf3kQ at 2026-11-28 22:10:44+00:00 for 50000? No: 7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 <meera@example.com> refused", "550 <(e-mail address)> refused"),
        ("to +919812340003.", "to (phone number)."),
        ("GET /admin/bookings/customer/?q=Meera+Iyer HTTP/1.1", "GET /admin/bookings/customer/?… HTTP/1.1"),
        ("whatsapp:%2B919812340003", "whatsapp:(phone number)"),
        (UNCHANGED, UNCHANGED),
    ],
)
def test_redact_replaces_contacts_and_queries_only(text, expected):
    assert redact(text) == expected


def format_error(raise_error):
    try:
        raise_error()
    except Exception as error:
        exc_info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "Failed", (), exc_info)
        return PrivateFormatter("%(message)s").format(record)
    raise AssertionError("No error")


def test_traceback_names_the_places_and_types_and_no_values():
    def fail():
        try:
            int("Meera Iyer")
        except ValueError as error:
            raise KeyError("Meera Iyer") from error

    text = format_error(fail)

    assert text.startswith("Failed\nTraceback (most recent call last):")
    assert 'int("Meera Iyer")\n' in text  # the line of the source
    assert text.replace('"Meera Iyer"', "").count("Meera") == 0
    assert [line for line in text.splitlines() if line in ("ValueError", "KeyError", "Then:")] == [
        "ValueError",
        "Then:",
        "KeyError",
    ]


def test_traceback_keeps_what_a_database_that_is_unavailable_says():
    def fail():
        raise OperationalError("connection refused\nDETAIL: Key (name)=(Meera Iyer)")

    text = format_error(fail)

    assert text.endswith("django.db.utils.OperationalError: connection refused")


def test_traceback_of_several_errors_describes_each():
    def fail():
        raise ExceptionGroup("Several", [ValueError("Meera Iyer"), OSError("disk full")])

    assert format_error(fail).endswith("ValueError\nTraceback (most recent call last):\n\nOSError: disk full")


def test_no_logger_sends_mail_or_has_another_format():
    handlers = [handler for name in ("django", "gunicorn.error", "") for handler in logging.getLogger(name).handlers]
    console = [handler for handler in handlers if type(handler) is logging.StreamHandler]

    assert len(console) == 2
    assert {type(handler.formatter) for handler in console} == {PrivateFormatter}
    assert not any("Mail" in type(handler).__name__ for handler in handlers)
