"""Whether it was the database that failed, and not the statement."""

from django.db import DatabaseError, InterfaceError, OperationalError


def database_is_away(error: BaseException) -> bool:
    """Whether ``error`` says that the database is gone, locked or going down: the same statement may work later.

    A server that dies in the middle of an answer leaves no SQLSTATE, and psycopg2 then raises a bare DatabaseError.
    """
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
