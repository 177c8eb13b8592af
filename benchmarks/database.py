"""A database for the benchmark alone, so that other bookings do not affect its figures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.conf import settings
from django.db import connections

NAME = "daybook_bench"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Create an empty database beside the configured one, make it Django's, and yield its URL; drop it afterwards.

    Raises SystemExit if another benchmark runs on this server: it would lose its database, and both their figures.
    """
    ours = os.environ["DATABASE_URL"]
    alone = _lock(ours)
    _administer(ours, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = NAME
    connections["default"].settings_dict["NAME"] = NAME
    try:
        yield urlunsplit(urlsplit(ours)._replace(path=f"/{NAME}"))
    finally:
        connections.close_all()
        _administer(ours, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        alone.close()


def _lock(url: str) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [NAME])  # the session's, until it is closed
        (is_ours,) = cursor.fetchone() or (False,)
    if not is_ours:
        raise SystemExit("Another benchmark runs on this PostgreSQL server: wait until it has ended.")
    return connection


def _administer(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()
