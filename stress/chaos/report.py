"""Compare the acknowledged bookings with the messages that the providers accepted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from notifications.models import Notification
from sandbox.client import SIMULATED_CHANNELS

Status = Notification.Status
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Report:
    """Counts of messages on the simulated channels.

    ``undecided``: not settled. ``held``: e-mails with an unknown outcome, which are on hold until a person decides.
    """

    messages: int
    lost: int
    duplicated: int
    undecided: int
    held: int

    @property
    def has_passed(self) -> bool:
        return not (self.lost or self.duplicated or self.undecided)


def evaluate(bookings: int, accepted: Iterable[dict[str, Any]]) -> Report:
    """Compare all rows with the log of accepted messages. Each acknowledged booking needs one message per channel."""
    accept_counts = Counter(_notification_id(entry) for entry in accepted)
    rows = list(Notification.objects.filter(channel__in=SIMULATED_CHANNELS).values_list("pk", "status", "channel"))
    held = {pk for pk, status, channel in rows if status == Status.HELD and channel == "email"}
    undecided = {pk for pk, status, _ in rows if status in Notification.UNSETTLED} - held
    superseded = {pk for pk, status, _ in rows if status == Status.SUPERSEDED}
    without_outcome = held | undecided | superseded
    lost = [pk for pk, _, _ in rows if not accept_counts[str(pk)] and pk not in without_outcome]
    missing = max(0, bookings * len(SIMULATED_CHANNELS) - len(rows))
    duplicated = [pk for pk, count in accept_counts.items() if count > 1]
    return Report(len(rows), len(lost) + missing, len(duplicated), len(undecided), len(held))


def _notification_id(entry: dict[str, Any]) -> str:
    match = UUID_PATTERN.search(entry.get("status_callback") or entry.get("message_id") or "")
    return match.group() if match else ""
