"""Look up messages at Twilio."""

from __future__ import annotations

from datetime import timedelta

from twilio.base.exceptions import TwilioException

from notifications.models import Channel
from notifications.providers.base import (
    Accepted,
    PendingLookup,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
)
from notifications.providers.twilio.client import get_client

MAX_LISTED = 1000  # messages to one recipient that a lookup reads, newest first
CLOCK_SKEW = timedelta(minutes=2)  # between Twilio's clock and ours


def find_message(lookup: PendingLookup) -> Accepted | None:
    """Return the message if Twilio has it, or None if it does not.

    Raises ProviderRateLimited, or ProviderOutcomeUnknown if the list fails for another reason.

    The message is identified by its recipient and text, among those created since the first attempt. Each text contains
    the booking's reference. Another message about the booking may have the same text, but its id is known.
    """
    to = f"whatsapp:{lookup.address}" if lookup.channel == Channel.WHATSAPP else lookup.address
    try:
        listed = get_client().messages.list(to=to, page_size=100, limit=MAX_LISTED)
    except ProviderRateLimited:
        raise
    except (TwilioException, ProviderError) as error:
        raise ProviderOutcomeUnknown(f"Twilio's message list could not be read ({type(error).__name__}).") from error
    for message in listed:
        created_at = message.date_created
        is_recent = created_at is not None and created_at >= lookup.first_attempt_at - CLOCK_SKEW
        if message.body == lookup.body and is_recent and message.sid not in lookup.known_ids:
            return Accepted(provider_id=str(message.sid), http_status=200)
    return None
