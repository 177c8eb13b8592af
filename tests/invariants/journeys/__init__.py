"""Journeys, through the operations and a real drain. Each is a generator: the invariants hold at every ``yield``."""

from tests.invariants.journeys import bookings, messages, payments, refunds
from tests.invariants.journeys.base import JOURNEYS, Journey, work

__all__ = ["JOURNEYS", "Journey", "bookings", "messages", "payments", "refunds", "work"]
