"""Check the invariants against the rows of a live system. Reads only."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation.invariants import find_violations, registered_invariants
from foundation.long_statements import long_statements

EXAMPLES = 5


class Command(BaseCommand):
    help = "Print each invariant with its number of violations; exit 1 if there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        with long_statements():
            violated = sum(self._report(area) for area in registered_invariants())
        if violated:
            raise CommandError(f"Violated invariants: {violated}.")

    def _report(self, area: str) -> int:
        """Print the invariants of ``area``; return how many are violated."""
        self.stdout.write(f"{area}\n")
        violated = 0
        for sentence, query in registered_invariants()[area].items():
            violations = find_violations(query)
            violated += bool(violations)
            examples = f"  such as {', '.join(violations[:EXAMPLES])}" if violations else ""
            self.stdout.write(f"  {len(violations):>6}  {sentence}{examples}\n")
        return violated
