"""How a call to an external service can fail: the exception class says whether the call took effect."""

from foundation.texts import clean_line


class CallFailed(Exception):
    """A call that returned no result; the subclass says whether it took effect. ``reason`` may quote the service."""

    def __init__(self, reason: str) -> None:
        super().__init__(clean_line(reason))  # PostgreSQL cannot store NUL and unpaired surrogates


class Rejected(CallFailed):
    """The service refused the call: it had no effect, and a retry would be refused again."""


class NotSent(CallFailed):
    """The call had no effect; it may be retried later."""


class OutcomeUnknown(CallFailed):
    """The call may have taken effect: find out before retrying."""
