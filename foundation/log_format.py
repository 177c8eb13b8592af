"""The format of log lines. Logs are copied and kept longer than the data, so they contain no personal data."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, InterfaceError, OperationalError

from foundation.database_errors import violated_constraint
from foundation.outcomes import CallFailed

EMAIL_ADDRESS = re.compile(r"[^\s<>\"'(),;:=]+@[^\s<>\"'(),;:]+")
PHONE_NUMBER = re.compile(r"(?:\+|%2B)\d{7,15}")
QUERY = re.compile(r"(?<=\S)\?[^\s?=]*=\S*")

# The texts of these state what is wrong with the program or the connection. Those of others, such as KeyError or
# ValueError, may quote what a customer has entered.
TEXTS_WITHOUT_VALUES = (
    CallFailed,
    OperationalError,
    InterfaceError,
    ImproperlyConfigured,
    ImportError,
    AttributeError,
    NameError,
    TypeError,
    OSError,
)


class PrivateFormatter(logging.Formatter):
    """Leaves out phone numbers, e-mail addresses and queries of URLs, and the texts of exceptions with values."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another formatter may have stored its own
        return redact(super().format(record))

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return "\n".join(_describe_chain(ei[1])) if ei[1] else ""


def redact(text: str) -> str:
    """Return ``text`` without phone numbers, e-mail addresses and queries of URLs."""
    for pattern, placeholder in ((QUERY, "?…"), (EMAIL_ADDRESS, "(e-mail address)"), (PHONE_NUMBER, "(phone number)")):
        text = pattern.sub(placeholder, text)
    return text


def describe_error(error: BaseException) -> str:
    """Return the type of the error, and its text if that contains no values."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, IntegrityError) and (constraint := violated_constraint(error)):
        return f"{name}: constraint {constraint}"
    if isinstance(error, TEXTS_WITHOUT_VALUES):
        return f"{name}: {str(error).partition(chr(10))[0]}"  # DETAIL and CONTEXT of PostgreSQL follow
    return name


def _describe_chain(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback, the first cause first."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _describe_chain(cause)
        yield "\nThen:\n"
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    yield describe_error(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _describe_chain(each)
