"""Whether it was the database that failed, and not the statement."""

import psycopg2
from django import db


def is_database_unavailable(error: BaseException) -> bool:
    """Whether ``error`` says that the database is gone, locked or going down: the same statement may work later.

    A server that dies in the middle of an answer leaves no SQLSTATE, and psycopg2 then raises a bare DatabaseError. And
    where Django closes a cursor whose server has died, the driver's own error comes out as it is.
    """
    away = (db.OperationalError, db.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
    return isinstance(error, away) or type(error) in (db.DatabaseError, psycopg2.DatabaseError)
