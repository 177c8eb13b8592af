"""Check the invariants of bookings."""

from bookings.invariants import INVARIANTS
from foundation.invariants import find_violations


def violated_invariants() -> set[str]:
    """Return the invariants of bookings that do not hold."""
    return {invariant for invariant, query in INVARIANTS.items() if find_violations(query)}
