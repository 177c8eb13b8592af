"""Classify database errors."""

import psycopg2
from django import db


def is_database_unavailable(error: BaseException) -> bool:
    """Return whether the database is gone, locked or shutting down: the same statement may succeed later.

    A server that dies in the middle of a response leaves no SQLSTATE, and psycopg2 then raises a bare DatabaseError.
    Where Django closes a cursor whose server has died, the driver's own error is raised unwrapped.
    """
    unavailable = (db.OperationalError, db.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
    return isinstance(error, unavailable) or type(error) in (db.DatabaseError, psycopg2.DatabaseError)


def violated_constraint(error: db.IntegrityError) -> str:
    """Return the name of the constraint that the statement violated, or an empty string."""
    cause = error.__cause__
    return str(cause.diag.constraint_name or "") if isinstance(cause, psycopg2.Error) else ""
