"""Compare the acknowledged bookings with the messages that the providers accepted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from notifications.models import Channel, Notification
from sandbox.client import SIMULATED_CHANNELS

Status = Notification.Status
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Report:
    """Counts of messages on the simulated channels.

    ``outdated``: bookings and channels whose last accepted message does not state the booking's last change, or for
    which a message was accepted after a later one. ``undecided``: not settled. ``held``: e-mails with an unknown
    outcome, which are on hold until a person decides.
    """

    messages: int
    lost: int
    duplicated: int
    outdated: int
    undecided: int
    held: int

    @property
    def has_passed(self) -> bool:
        return not (self.lost or self.duplicated or self.outdated or self.undecided)


def evaluate(bookings: int, accepted: Iterable[dict[str, Any]]) -> Report:
    """Compare all rows with the log of accepted messages. Each acknowledged booking needs one message per channel."""
    accepted_ids = [_notification_id(entry) for entry in accepted]
    accept_counts = Counter(accepted_ids)
    rows = list(Notification.objects.filter(channel__in=SIMULATED_CHANNELS).order_by("created_at"))
    held = {row for row in rows if row.status == Status.HELD and row.channel == Channel.EMAIL}
    undecided = {row for row in rows if row.status in Notification.UNSETTLED} - held
    superseded = {row for row in rows if row.status == Status.SUPERSEDED}
    lost = [row for row in rows if not accept_counts[str(row.pk)] and row not in held | undecided | superseded]
    missing = max(0, bookings * len(SIMULATED_CHANNELS) - len({(row.booking_id, row.channel) for row in rows}))
    duplicated = [pk for pk, count in accept_counts.items() if count > 1]
    return Report(
        messages=len(rows),
        lost=len(lost) + missing,
        duplicated=len(duplicated),
        outdated=_count_outdated(rows, accepted_ids, held),
        undecided=len(undecided),
        held=len(held),
    )


def _count_outdated(rows: list[Notification], accepted_ids: list[str], held: set[Notification]) -> int:
    position = {pk: number for number, pk in enumerate(accepted_ids)}
    by_booking_and_channel = defaultdict(list)
    for row in rows:
        by_booking_and_channel[row.booking_id, row.channel].append(row)
    outdated = 0
    for messages in by_booking_and_channel.values():
        is_last_missing = str(messages[-1].pk) not in position and messages[-1] not in held
        positions = [position[str(row.pk)] for row in messages if str(row.pk) in position]
        outdated += is_last_missing or positions != sorted(positions)
    return outdated


def _notification_id(entry: dict[str, Any]) -> str:
    match = UUID_PATTERN.search(entry.get("status_callback") or entry.get("message_id") or "")
    return match.group() if match else ""
