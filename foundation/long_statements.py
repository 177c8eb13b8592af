"""Lift the statement timeout for what works through whole tables. The settings set it for requests and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def long_statements() -> Iterator[None]:
    """Let the statements in the block take as long as they need."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")


def lift_statement_timeout() -> None:
    """Let the statements of the current transaction, from here to its end, take as long as they need."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
