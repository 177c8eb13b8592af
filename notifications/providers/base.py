"""The words every provider answers in. After any failure the caller needs to know one thing: did it happen?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from notifications.models import Notification


@dataclass(frozen=True)
class Outgoing:
    """A claimed notification, copied out of the database: what a sender thread may know."""

    id: UUID
    attempt_id: UUID
    attempt_number: int
    channel: Notification.Channel
    address: str
    subject: str
    body: str


@dataclass(frozen=True)
class Accepted:
    """The provider has taken responsibility, under its own id."""

    provider_id: str
    http_status: int | None = None


class DeliveryError(Exception):
    """A send without a receipt. ``code`` and ``http_status`` are the provider's own; the subclass is the verdict."""

    def __init__(self, reason: str, *, code: str = "", http_status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.http_status = http_status


class Rejected(DeliveryError):
    """It did not happen and never will: tell a person."""


class NotSent(DeliveryError):
    """It did not happen: try again later, after ``retry_after`` seconds where the provider named them.

    ``counts`` is False where the provider only asked for a slower pace.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
        counts: bool = True,
    ) -> None:
        super().__init__(reason, code=code, http_status=http_status)
        self.retry_after = retry_after
        self.counts = counts


class OutcomeUnknown(DeliveryError):
    """It may have happened: never send again on a guess, find out."""
