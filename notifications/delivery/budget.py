"""Daily message budgets (quotas): per address or phone number, and per country.

A message counts when it is first claimed, not when it is queued, so the business never pays for more messages than the
budget allows, no matter what queues them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import phonenumbers
from django.conf import settings

from foundation.rate_limits.rate_limit import DAY, RateLimit
from notifications.channels import CHANNELS
from notifications.providers.base import OutgoingMessage


@dataclass(frozen=True)
class Budget:
    """A limit on the messages that ``applies_to`` selects, per ``key``. The reason for skipping names ``recipient``."""

    limit: RateLimit
    applies_to: Callable[[OutgoingMessage], bool]
    key: Callable[[OutgoingMessage], str]
    recipient: Callable[[OutgoingMessage], str]


def count_against_budgets(messages: Sequence[OutgoingMessage]) -> dict[OutgoingMessage, str]:
    """Count messages at their first attempt; return those that exceed a budget, each with the reason.

    Call it in the transaction that claims them. A message that exceeds one budget is not counted in the next.
    """
    reasons: dict[OutgoingMessage, str] = {}
    for budget in _budgets():
        candidates = [message for message in messages if message not in reasons and budget.applies_to(message)]
        remaining = budget.limit.count(Counter(budget.key(message) for message in candidates))
        for message in candidates:
            remaining[budget.key(message)] -= 1
            if remaining[budget.key(message)] < 0:
                reasons[message] = (
                    f"{budget.recipient(message)} has reached the limit of {budget.limit.limit} messages a day."
                )
    return reasons


def _budgets() -> list[Budget]:
    home_code = phonenumbers.country_code_for_region(settings.PHONE_REGION)
    return [
        # Messages that cost nothing must not flood an inbox either.
        Budget(
            RateLimit("messages to an address", settings.LIMIT_EMAILS_PER_ADDRESS, DAY),
            applies_to=lambda message: not _is_charged(message),
            key=lambda message: f"{message.channel} {message.address.lower()}",
            recipient=lambda message: "This address",
        ),
        Budget(
            RateLimit("messages to a number", settings.LIMIT_MESSAGES_PER_NUMBER, DAY),
            applies_to=_is_charged,
            key=lambda message: f"{message.channel} {message.address}",
            recipient=lambda message: "This number",
        ),
        Budget(
            RateLimit("messages to the home country", settings.LIMIT_MESSAGES_AT_HOME, DAY),
            applies_to=lambda message: _is_charged(message) and _country_code(message) == home_code,
            key=_country,
            recipient=lambda message: f"The country code {_country(message)}",
        ),
        Budget(
            RateLimit("messages to another country", settings.LIMIT_MESSAGES_PER_COUNTRY, DAY),
            applies_to=lambda message: _is_charged(message) and _country_code(message) != home_code,
            key=_country,
            recipient=lambda message: f"The country code {_country(message)}",
        ),
    ]


def _is_charged(message: OutgoingMessage) -> bool:
    return CHANNELS[message.channel].is_charged


def _country(message: OutgoingMessage) -> str:
    return f"+{_country_code(message)}"


def _country_code(message: OutgoingMessage) -> int:
    # Every stored phone number was validated by the same library.
    return int(phonenumbers.parse(message.address).country_code or 0)
