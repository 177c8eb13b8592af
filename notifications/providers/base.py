"""What every provider accepts, returns and raises. Its errors say whether the message was sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.outcomes import CallFailed, NotSent, OutcomeUnknown, Rejected
from foundation.texts import clean_line
from notifications.models import Channel, Notification


@dataclass(frozen=True)
class OutgoingMessage:
    """A claimed notification, copied out of the database for a sender thread.

    ``attempts`` is the number of attempts so far that count against the limit, including this one.
    ``channel_faults`` is the number of faults of the channel after which it worked for others.
    """

    id: UUID
    attempt_id: UUID
    attempts: int
    channel: Channel
    address: str
    subject: str
    body: str
    channel_faults: int = 0


@dataclass(frozen=True)
class Accepted:
    """The provider's acceptance; ``provider_id`` identifies the message at the provider."""

    provider_id: str
    http_status: int | None = None


@dataclass(frozen=True)
class PendingLookup:
    """A notification with an unknown outcome, copied out of the database for the thread that looks it up.

    ``lookups`` is the number of earlier lookups; ``is_overdue``: the time limit for lookups has passed;
    ``known_ids``: the provider's ids of our other messages to this address.
    """

    id: UUID
    channel: Channel
    kind: str
    address: str
    body: str
    lookups: int
    first_attempt_at: datetime
    is_overdue: bool
    known_ids: Collection[str] = ()


class ProviderError(CallFailed):
    """A failed call to a provider. ``code`` and ``http_status`` are the provider's own."""

    def __init__(self, reason: str, *, code: str = "", http_status: int | None = None) -> None:
        super().__init__(reason)
        self.code = clean_line(code)
        self.http_status = http_status


class ProviderRejected(ProviderError, Rejected):
    """The provider permanently refused the message."""


class RecipientUnreachable(ProviderRejected):
    """There is no such recipient: send nothing to this address again."""


class RecipientOptedOut(ProviderRejected):
    """The recipient has opted out: send nothing to this address again."""


class ProviderNotSent(ProviderError, NotSent):
    """The message was not sent: retry later."""


class AttemptAbandoned(ProviderNotSent):
    """We ended the attempt before anything was handed over: retry soon. It does not count as an attempt."""


class ChannelNotReady(ProviderNotSent):
    """Nothing is wrong with the message, but the channel cannot send it now. It does not count as an attempt."""


class ProviderRateLimited(ChannelNotReady):
    """The provider limits our rate: send more slowly. ``retry_after``: the seconds that it asks us to wait, if any."""

    def __init__(
        self, reason: str, *, code: str = "", http_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, code=code, http_status=http_status)
        self.retry_after = retry_after


class ProviderUnavailable(ChannelNotReady):
    """The provider cannot be reached, or accepts no connection at the moment: an outage, which usually ends soon."""


class ChannelBroken(ChannelNotReady):
    """The provider refuses our account, credentials or set-up: nothing can be sent until a person corrects that."""


class ProviderOutcomeUnknown(ProviderError, OutcomeUnknown):
    """The message may have been sent: find out before sending it again."""


@dataclass(frozen=True)
class ReceiptMeaning:
    """What a delivery receipt means: the status to set, if any, and the kind of error that it reports, if any."""

    status: Notification.Status | None = None
    error_type: type[ProviderError] | None = None
