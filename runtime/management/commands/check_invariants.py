"""Check the invariants against the rows of a live system. Reads only."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation.invariants import find_violations, registered_invariants

EXAMPLES = 5


class Command(BaseCommand):
    help = "Print each invariant with its number of violations; exit 1 if there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        violated = 0
        for area, invariants in registered_invariants().items():
            self.stdout.write(f"{area}\n")
            for sentence, query in invariants.items():
                violations = find_violations(query)
                violated += bool(violations)
                examples = f"  such as {', '.join(violations[:EXAMPLES])}" if violations else ""
                self.stdout.write(f"  {len(violations):>6}  {sentence}{examples}\n")
        if violated:
            raise CommandError(f"Violated invariants: {violated}.")
