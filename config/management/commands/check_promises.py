"""The promises, held against the rows of a live system. Reads only."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from bookings.promises import PROMISES as BOOKINGS
from notifications.promises import PROMISES as MESSAGES
from payments.promises import PROMISES as MONEY

AREAS = {"Bookings": BOOKINGS, "Messages": MESSAGES, "Money": MONEY}
SHOWN = 5


class Command(BaseCommand):
    help = "Print each promise with the number of its breaches; exit 1 if there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for area, promises in AREAS.items():
            self.stdout.write(f"{area}\n")
            for sentence, query in promises.items():
                breaches = self._breaches(query)
                broken += bool(breaches)
                examples = f"  such as {', '.join(breaches[:SHOWN])}" if breaches else ""
                self.stdout.write(f"  {len(breaches):>6}  {sentence}{examples}\n")
        if broken:
            raise CommandError(f"{broken} promises are broken.")

    def _breaches(self, query: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return [str(key) for (key,) in cursor.fetchall()]
