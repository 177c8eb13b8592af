"""How a call to the gateway can fail."""

from foundation.outcomes import CallFailed, NotSent, OutcomeUnknown, Rejected


class GatewayError(CallFailed):
    """The call brought no result; the subclass says whether it took effect."""


class GatewayRejected(GatewayError, Rejected):
    """The gateway refused: nothing happened, and the same request will be refused again."""


class GatewayNotSent(GatewayError, NotSent):
    """Nothing happened: the gateway was not reached, or asked us to come back later."""


class GatewayOutcomeUnknown(GatewayError, OutcomeUnknown):
    """It may have happened. Look it up before trying again."""


class UnreadableEntity(Exception):
    """The entity lacks a field, or has one in a form that is new to us."""
