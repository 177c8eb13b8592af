"""How a call to the gateway can fail."""

from foundation.outcomes import CallFailed, NotSent, OutcomeUnknown, Rejected


class GatewayError(CallFailed):
    """The call returned no result; the subclass says whether it took effect.

    ``retry_after``: the seconds that the gateway asks us to wait before the next call, if any.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class GatewayRejected(GatewayError, Rejected):
    """The gateway refused: nothing happened, and the same call would be refused again."""


class GatewayNotSent(GatewayError, NotSent):
    """Nothing happened: the gateway was not reached, applied its rate limit, or refused our key. Retry later."""


class GatewayOutcomeUnknown(GatewayError, OutcomeUnknown):
    """The call may have taken effect. Look up its result before retrying."""


class UnreadableEntity(Exception):
    """The entity lacks a field, or a field has an unexpected format."""
