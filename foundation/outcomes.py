"""How a call to another party can fail: what the caller must know is whether the call took effect."""


class CallFailed(Exception):
    """A call that brought no result; the subclass says whether it took effect."""


class Rejected(CallFailed):
    """The other party refused: the call had no effect, and the same call would be refused again."""


class NotSent(CallFailed):
    """The call had no effect; it may be retried later."""


class OutcomeUnknown(CallFailed):
    """The call may have taken effect: find out before retrying."""
