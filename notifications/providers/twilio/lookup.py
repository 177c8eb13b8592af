"""Look up messages at Twilio."""

from __future__ import annotations

from datetime import datetime, timedelta

from twilio.base.exceptions import TwilioException

from notifications.models import Notification
from notifications.providers.base import (
    Accepted,
    ProviderError,
    ProviderOutcomeUnknown,
)
from notifications.providers.twilio.client import get_client

LISTED = 1000  # messages to one recipient that a look-up reads, newest first


CLOCK_SKEW = timedelta(minutes=2)  # between Twilio's clock and ours


def find_message(*, channel: Notification.Channel, address: str, body: str, since: datetime) -> Accepted | None:
    """Look up a message at Twilio by its recipient and its very words; return None if there is none since ``since``.

    Each of our texts names its booking, so equal words are the same message. Raises OutcomeUnknown if it cannot be
    asked.
    """
    to = f"whatsapp:{address}" if channel == Notification.Channel.WHATSAPP else address
    try:
        listed = get_client().messages.list(to=to, page_size=100, limit=LISTED)
    except (TwilioException, ProviderError) as error:
        raise ProviderOutcomeUnknown(f"Twilio's list could not be read ({type(error).__name__}).") from error
    for message in listed:
        created = message.date_created
        if message.body == body and created is not None and created >= since - CLOCK_SKEW:
            return Accepted(provider_id=str(message.sid), http_status=200)
    return None
