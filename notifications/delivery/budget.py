"""What may be spent on messages in a day: to one number or address, and to one country's numbers.

It is counted where the money is spent, when a message is first claimed for sending: whatever queues messages, and
however often, nobody can make the business pay for more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import phonenumbers
from django.conf import settings

from foundation.rate_limits.rate_limit import DAY, RateLimit
from notifications.models import Notification
from notifications.providers.base import OutgoingMessage

E_MAIL = Notification.Channel.EMAIL


def over_budget(messages: Iterable[OutgoingMessage]) -> dict[OutgoingMessage, str]:
    """Count these messages, each of which is to be sent for the first time; return those that may not be, and why.

    Call it in the transaction that claims them. E-mail costs nothing, but nobody's inbox shall be flooded.
    """
    messages = list(messages)
    e_mails = [message for message in messages if message.channel == E_MAIL]
    paid_for = [message for message in messages if message.channel != E_MAIL]
    address = RateLimit("messages to an address", settings.LIMIT_EMAILS_PER_ADDRESS, DAY)
    refused = dict.fromkeys(
        _beyond(address, [(message.address.lower(), message) for message in e_mails]),
        f"This address has had {address.limit} messages today.",
    )
    number = RateLimit("messages to a number", settings.LIMIT_MESSAGES_PER_NUMBER, DAY)
    refused |= dict.fromkeys(
        _beyond(number, [(f"{message.channel} {message.address}", message) for message in paid_for]),
        f"This number has had {number.limit} messages today.",
    )
    home = phonenumbers.country_code_for_region(settings.PHONE_REGION)
    for limit, is_home in (
        (RateLimit("messages to this country", settings.LIMIT_MESSAGES_AT_HOME, DAY), True),
        (RateLimit("messages to another country", settings.LIMIT_MESSAGES_PER_COUNTRY, DAY), False),
    ):
        by_country = [
            (f"+{code}", message)
            for message in paid_for
            if message not in refused and ((code := _country(message.address)) == home) is is_home
        ]
        for message in _beyond(limit, by_country):
            refused[message] = f"+{_country(message.address)} has had {limit.limit} messages today."
    return refused


def _beyond(limit: RateLimit, keyed: list[tuple[str, OutgoingMessage]]) -> list[OutgoingMessage]:
    left = limit.count(Counter(key for key, _ in keyed))
    beyond = []
    for key, message in keyed:
        left[key] -= 1
        if left[key] < 0:
            beyond.append(message)
    return beyond


def _country(address: str) -> int:
    # Every address was read by the same library when it was written down.
    return int(phonenumbers.parse(address).country_code or 0)
