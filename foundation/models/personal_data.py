"""The models of foundation hold no personal data. Notifications declare the counters, whose keys may be addresses."""

from foundation.models import CallbackSource, PeriodicTask
from foundation.personal_data import Declaration

PERSONAL_DATA = [
    Declaration(CallbackSource, other=["name", "refused"]),
    Declaration(PeriodicTask, other=["name", "due_at", "ended_at", "result"]),
]
