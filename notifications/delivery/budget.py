"""Daily message budgets (quotas): per address or phone number, for the home country, and for all others together.

A message counts when it is first claimed, not when it is queued, so the business never pays for more messages than the
budget allows, no matter what queues them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import phonenumbers
from django.conf import settings

from foundation.rate_limits.rate_limit import DAY, RateLimit
from notifications.channels import CHANNELS
from notifications.providers.base import OutgoingMessage

log = logging.getLogger(__name__)

WARNING_PERCENT = 80


@dataclass(frozen=True)
class Budget:
    """A limit on the messages that ``applies_to`` selects, per ``key``. ``recipient`` begins the reason for skipping.

    ``setting`` is named in the warning that the budget is nearly used up, and empty for budgets of one recipient.
    """

    limit: RateLimit
    applies_to: Callable[[OutgoingMessage], bool]
    key: Callable[[OutgoingMessage], str]
    recipient: str
    setting: str = ""

    @property
    def reason(self) -> str:
        """Why a message beyond the budget is skipped."""
        return f"{self.recipient} reached the limit of {self.limit.limit} messages a day."


def count_against_budgets(messages: Sequence[OutgoingMessage]) -> dict[OutgoingMessage, str]:
    """Count messages at their first attempt; return those that exceed a budget, each with the reason.

    Call it in the transaction that claims them. A message that exceeds one budget is not counted in the next.
    """
    reasons: dict[OutgoingMessage, str] = {}
    for budget in _budgets():
        candidates = [message for message in messages if message not in reasons and budget.applies_to(message)]
        if not budget.limit.limit or not candidates:
            continue
        uses = Counter(budget.key(message) for message in candidates)
        used = budget.limit.add(uses)
        if budget.setting:
            _warn_if_nearly_used_up(budget, before=sum(used.values()), now=len(candidates))
        for message in candidates:
            used[budget.key(message)] += 1
            if used[budget.key(message)] > budget.limit.limit:
                reasons[message] = budget.reason
    return reasons


def _warn_if_nearly_used_up(budget: Budget, *, before: int, now: int) -> None:
    threshold = budget.limit.limit * WARNING_PERCENT // 100
    if before < threshold <= before + now:
        log.warning(
            "%d %% of today's budget of %d %s are used. Further messages are skipped once it is used up. Check for "
            "abuse on the notification history, or raise %s.",
            WARNING_PERCENT,
            budget.limit.limit,
            budget.limit.name,
            budget.setting,
        )


def _budgets() -> list[Budget]:
    return [
        # Messages that cost nothing must not flood an inbox either.
        Budget(
            RateLimit("messages to an address", settings.LIMIT_EMAILS_PER_ADDRESS, DAY),
            applies_to=lambda message: not _is_charged(message),
            key=lambda message: f"{message.channel} {message.address.lower()}",
            recipient="This address has",
        ),
        Budget(
            RateLimit("messages to a number", settings.LIMIT_MESSAGES_PER_NUMBER, DAY),
            applies_to=_is_charged,
            key=lambda message: f"{message.channel} {message.address}",
            recipient="This number has",
        ),
        Budget(
            RateLimit("messages to the home country", settings.LIMIT_MESSAGES_AT_HOME, DAY),
            applies_to=lambda message: _is_charged(message) and _is_at_home(message),
            key=lambda message: "home",
            recipient="All numbers of the home country together have",
            setting="LIMIT_MESSAGES_AT_HOME",
        ),
        # One budget for all of them: an attacker can choose from more than 200.
        Budget(
            RateLimit("messages to other countries", settings.LIMIT_MESSAGES_ABROAD, DAY),
            applies_to=lambda message: _is_charged(message) and not _is_at_home(message),
            key=lambda message: "abroad",
            recipient="All numbers of other countries together have",
            setting="LIMIT_MESSAGES_ABROAD",
        ),
    ]


def _is_charged(message: OutgoingMessage) -> bool:
    return CHANNELS[message.channel].is_charged


def _is_at_home(message: OutgoingMessage) -> bool:
    # By country, not by its code: +1 is also that of Jamaica. The same library validated every stored number.
    region = phonenumbers.region_code_for_number(phonenumbers.parse(message.address))
    return bool(region == settings.PHONE_REGION)
