"""What ``manage.py check_promises`` would find broken about bookings."""

from django.db import connection

from bookings.promises import PROMISES


def breaches() -> dict[str, int]:
    """Return the number of breaches by the promise that is broken."""
    found = {}
    for sentence, query in PROMISES.items():
        with connection.cursor() as cursor:
            cursor.execute(query)
            if rows := len(cursor.fetchall()):
                found[sentence] = rows
    return found
