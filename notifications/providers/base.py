"""The words every provider answers in. After any failure the caller needs to know one thing: did it happen?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from foundation.outcomes import CallFailed, NotSent, OutcomeUnknown, Rejected
from notifications.models import Notification


@dataclass(frozen=True)
class OutgoingMessage:
    """A claimed notification, copied out of the database: what a sender thread may know.

    ``attempts`` counts the tries so far, this one among them, but for those that were only put off.
    """

    id: UUID
    attempt_id: UUID
    attempts: int
    channel: Notification.Channel
    address: str
    subject: str
    body: str


@dataclass(frozen=True)
class Accepted:
    """The provider has taken responsibility, under its own id."""

    provider_id: str
    http_status: int | None = None


class ProviderError(CallFailed):
    """A send without a receipt. ``code`` and ``http_status`` are the provider's own; the subclass is the verdict."""

    def __init__(self, reason: str, *, code: str = "", http_status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.http_status = http_status


class ProviderRejected(ProviderError, Rejected):
    """It did not happen and never will: tell a person."""


class RecipientUnreachable(ProviderRejected):
    """... because there is no such recipient: do not write to this address again."""


class RecipientOptedOut(ProviderRejected):
    """... because the recipient asked not to be written to: respect it."""


class ProviderNotSent(ProviderError, NotSent):
    """It did not happen: try again later."""


class ProviderRateLimited(ProviderNotSent):
    """... at a slower pace; it is nobody's fault and no try."""


class ChannelBroken(ProviderNotSent):
    """... once the credentials are mended: no message of this channel can be sent before."""


class ProviderOutcomeUnknown(ProviderError, OutcomeUnknown):
    """It may have happened: never send again on a guess, find out."""
