"""What ``manage.py check_invariants`` would find broken about bookings."""

from django.db import connection

from bookings.invariants import INVARIANTS


def breaches() -> dict[str, int]:
    """Return the number of breaches by the promise that is broken."""
    found = {}
    for sentence, query in INVARIANTS.items():
        with connection.cursor() as cursor:
            cursor.execute(query)
            if rows := len(cursor.fetchall()):
                found[sentence] = rows
    return found
