"""Invariants: SQL conditions that always hold. The apps register them in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection

# Area → sentence → a query that returns the key of each row that violates it.
_invariants: dict[str, Mapping[str, str]] = {}


def register_invariants(area: str, invariants: Mapping[str, str]) -> None:
    """Register invariants, to be checked under the heading ``area``."""
    _invariants[area] = invariants


def registered_invariants() -> Mapping[str, Mapping[str, str]]:
    """Return the invariants by area."""
    return _invariants


def find_violations(query: str) -> list[str]:
    """Return the keys of the rows that violate the invariant."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [str(key) for (key,) in cursor.fetchall()]
