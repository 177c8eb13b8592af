"""Classify database errors."""

import psycopg2
import psycopg2.errors
from django import db


def is_database_unavailable(error: BaseException) -> bool:
    """Return whether the database is gone, locked or shutting down: the same statement may succeed later.

    So it may after a failover, while our session still leads to a server that has become a read-only standby. A server
    that dies in the middle of a response leaves no SQLSTATE, and psycopg2 then raises a bare DatabaseError. Where
    Django closes a cursor whose server has died, the driver's own error is raised unwrapped.
    """
    unavailable = (db.OperationalError, db.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
    is_bare = type(error) in (db.DatabaseError, psycopg2.DatabaseError)
    return isinstance(error, unavailable) or is_bare or _is_read_only(error)


def close_lost_connection(error: BaseException) -> None:
    """Close the connection after an error of an unavailable database, unless it works: the next query opens another.

    A session with a standby works, but only a new one leads to the primary.
    """
    if _is_read_only(error) and not db.connection.in_atomic_block:
        db.connection.close()
    db.connection.close_if_unusable_or_obsolete()


def _is_read_only(error: BaseException) -> bool:
    return isinstance(error.__cause__ or error, psycopg2.errors.ReadOnlySqlTransaction)


def violated_constraint(error: db.IntegrityError) -> str:
    """Return the name of the constraint that the statement violated, or an empty string."""
    cause = error.__cause__
    return str(cause.diag.constraint_name or "") if isinstance(cause, psycopg2.Error) else ""
