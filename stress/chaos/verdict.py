"""Compares what was promised with what the providers really accepted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from notifications.models import Notification

Status = Notification.Status
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHANNELS = len(Notification.Channel)


@dataclass(frozen=True)
class Verdict:
    """Numbers of messages. ``held``: e-mails of which no provider can say whether they were sent; a person decides."""

    messages: int
    lost: int
    doubled: int
    undecided: int
    held: int

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.undecided)


def judge(bookings: int, accepted: Iterable[dict[str, Any]]) -> Verdict:
    """Judge all rows against the accept log's entries; each of ``bookings`` acknowledged bookings owes three."""
    accepts = Counter(_notification_id(entry) for entry in accepted)
    rows = list(Notification.objects.values_list("pk", "status", "channel"))
    held = {pk for pk, status, channel in rows if status == Status.HELD and channel == "email"}
    undecided = {pk for pk, status, _ in rows if status in Notification.UNSETTLED} - held
    open_ended = held | undecided
    lost = [pk for pk, _, _ in rows if not accepts[str(pk)] and pk not in open_ended]
    missing = max(0, bookings * CHANNELS - len(rows))
    doubled = [pk for pk, count in accepts.items() if count > 1]
    return Verdict(len(rows), len(lost) + missing, len(doubled), len(undecided), len(held))


def _notification_id(entry: dict[str, Any]) -> str:
    found = ID.search(entry.get("status_callback") or entry.get("message_id") or "")
    return found.group() if found else ""
