"""For each invariant, the statements that violate it, at least one for each of its conditions.

Each changes one row after a journey. An invariant without an entry fails the build.
"""

from tests.invariants.violations import bookings, messages, payments
from tests.invariants.violations.statements import Violation

VIOLATIONS: dict[str, list[Violation]] = {**bookings.VIOLATIONS, **payments.VIOLATIONS, **messages.VIOLATIONS}

__all__ = ["VIOLATIONS", "Violation"]
