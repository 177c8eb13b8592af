"""Run the benchmark on its own database, so that other bookings do not affect its figures."""

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
    """Create an empty database, connect Django to it, and yield its URL; drop it afterwards.

    Raises SystemExit if another benchmark is running on this server, which would lose its database.
    """
    url = os.environ["DATABASE_URL"]
    lock_connection = _acquire_lock(url)
    _execute(url, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = NAME
    connections["default"].settings_dict["NAME"] = NAME
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{NAME}"))
    finally:
        connections.close_all()
        _execute(url, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        lock_connection.close()


def _acquire_lock(url: str) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [NAME])  # held until the connection is closed
        (is_acquired,) = cursor.fetchone() or (False,)
    if not is_acquired:
        raise SystemExit("Another benchmark is running on this PostgreSQL server. Wait until it has finished.")
    return connection


def _execute(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()
