"""The registered invariants, tested both ways: each holds in every journey, and one changed row violates it."""

from foundation.invariants import find_violations, registered_invariants


def violated_invariants() -> set[str]:
    """Return the invariants, of any area, that are violated."""
    return {
        sentence
        for invariants in registered_invariants().values()
        for sentence, query in invariants.items()
        if find_violations(query)
    }
