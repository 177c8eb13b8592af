"""A database of the benchmark's own, so that nobody's bookings are in its figures."""

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
    """Create an empty database beside the configured one, make it Django's, and yield its URL; drop it afterwards."""
    ours = os.environ["DATABASE_URL"]
    _administer(ours, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = NAME
    connections["default"].settings_dict["NAME"] = NAME
    try:
        yield urlunsplit(urlsplit(ours)._replace(path=f"/{NAME}"))
    finally:
        connections.close_all()
        _administer(ours, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def _administer(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()
