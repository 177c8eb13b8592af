"""Statements that change one row."""

from __future__ import annotations

from dataclasses import dataclass

from tests.invariants.journeys import Journey

OVERDUE = "now() - interval '6 minutes'"
LONG_AGO = "now() - interval '1 day'"


@dataclass(frozen=True)
class Violation:
    """A statement that changes one row after a journey, and violates one invariant, and those in ``also``.

    ``unguarded``: DDL that first removes the constraint that would refuse the statement.
    """

    after: Journey
    statement: str
    unguarded: str = ""
    also: frozenset[str] = frozenset()


def update(table: str, changes: str, where: str = "true") -> str:
    """Return an UPDATE of the first row that matches."""
    return f"UPDATE {table} SET {changes} WHERE id = (SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1)"


def delete(table: str, where: str) -> str:
    """Return a DELETE of the first row that matches."""
    return f"DELETE FROM {table} WHERE id = (SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1)"


def copy(table: str, changes: str, where: str = "true") -> str:
    """Return an INSERT of a copy of the first row that matches, with ``changes`` as arguments of jsonb_build_object."""
    return f"""
        INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object({changes}))).*
        FROM {table} r WHERE {where} ORDER BY id LIMIT 1"""
