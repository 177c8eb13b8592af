"""Check the booking invariants."""

from bookings.invariants import INVARIANTS
from foundation.invariants import find_violations


def violated_invariants() -> set[str]:
    """Return the booking invariants that are violated."""
    return {invariant for invariant, query in INVARIANTS.items() if find_violations(query)}
