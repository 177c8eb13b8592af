"""The demo's messages: when the providers took each, and when it arrived."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bookings.models import Booking
from notifications.models import Notification
from sandbox.client import SandboxClient

PATIENCE_SECONDS = 60
TABLE_HEADER = f"  {'booking':<12}{'message':<21}{'channel':<10}{'accepted':>9}{'delivered':>11}  status"

Status = Notification.Status


def message_lines(client: SandboxClient, booking_ids: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield a line per message of these bookings, and whether it arrived, once. Reminders are not due yet."""
    owed = Notification.objects.filter(booking__in=booking_ids).exclude(kind="booking_reminder")
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not all(map(_has_arrived, owed.all())):
        time.sleep(0.25)
    accepts = _accept_times(client)
    references = dict(Booking.objects.filter(pk__in=booking_ids).values_list("pk", "reference"))
    for row in owed.order_by("created_at", "channel"):
        times = accepts.get(str(row.pk), [])
        accepted = times[0] - row.created_at.timestamp() if times else None
        arrived = accepted if row.channel == row.Channel.EMAIL else None
        if row.delivered_at:
            arrived = (row.delivered_at - row.created_at).total_seconds()
        line = f"  {references[row.booking_id]:<12}{row.kind:<21}{row.channel:<10}"
        line += f"{_seconds(accepted):>9}{_seconds(arrived):>11}  {row.status}"
        yield line, _has_arrived(row) and len(times) == 1


def count_reminders(booking_ids: list[str]) -> tuple[int, int]:
    """Return how many reminders of these bookings are planned, and how many were taken back."""
    planned = Notification.objects.filter(booking__in=booking_ids, kind="booking_reminder")
    return planned.filter(status=Status.QUEUED).count(), planned.filter(status=Status.CANCELLED).count()


def _has_arrived(row: Notification) -> bool:
    """Whether the message got as far as its channel can report."""
    if row.channel == Notification.Channel.EMAIL:
        return row.status == Status.ACCEPTED
    return row.status in (Status.DELIVERED, Status.READ)


def _accept_times(client: SandboxClient) -> dict[str, list[float]]:
    """Return when the providers accepted each notification, by its id: their own log, not our rows."""
    times: dict[str, list[float]] = {}
    for entry in client.accepted():
        ours = entry.get("status_callback", "").split("/")[-2:-1] or [
            entry.get("message_id", "").strip("<").split("@")[0]
        ]
        times.setdefault(ours[0], []).append(entry["at"])
    return times


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
