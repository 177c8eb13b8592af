"""The demo's messages: when the provider accepted each of them, and when it was delivered."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bookings.models import Booking
from notifications.models import Notification
from sandbox.client import CHANNELS_WITH_RECEIPTS, SIMULATED_CHANNELS, SandboxClient

MAX_WAIT_SECONDS = 60
TABLE_HEADER = f"  {'booking':<12}{'message':<21}{'channel':<10}{'accepted':>9}{'delivered':>11}  status"

Status = Notification.Status


def message_lines(client: SandboxClient, booking_ids: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield a line per message of these bookings, and whether it was delivered once, or superseded and not sent.

    Waits up to MAX_WAIT_SECONDS for the deliveries. Skips reminders, which are not due yet.
    """
    messages = Notification.objects.filter(booking__in=booking_ids).exclude(kind="booking_reminder")
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline and not all(map(_is_settled, messages.all())):
        time.sleep(0.25)
    accept_times = _accept_times(client)
    references = dict(Booking.objects.filter(pk__in=booking_ids).values_list("pk", "reference"))
    for row in messages.order_by("created_at", "channel"):
        times = accept_times.get(str(row.pk), [])
        if row.channel not in SIMULATED_CHANNELS and row.accepted_at:
            times = [row.accepted_at.timestamp()]
        accepted = times[0] - row.created_at.timestamp() if times else None
        delivered = None if row.channel in CHANNELS_WITH_RECEIPTS else accepted
        if row.delivered_at:
            delivered = (row.delivered_at - row.created_at).total_seconds()
        line = f"  {references[row.booking_id]:<12}{row.kind:<21}{row.channel:<10}"
        line += f"{_format_seconds(accepted):>9}{_format_seconds(delivered):>11}  {row.status}"
        yield line, _is_settled(row) and len(times) == (row.status != Status.SUPERSEDED)


def count_reminders(booking_ids: list[str]) -> tuple[int, int]:
    """Return how many reminders of these bookings are queued, and how many were superseded."""
    reminders = Notification.objects.filter(booking__in=booking_ids, kind="booking_reminder")
    return reminders.filter(status=Status.QUEUED).count(), reminders.filter(status=Status.SUPERSEDED).count()


def _is_settled(row: Notification) -> bool:
    """Return whether the message has reached the last status that its channel reports, or was superseded."""
    if row.status == Status.SUPERSEDED:
        return True
    if row.channel in CHANNELS_WITH_RECEIPTS:
        return row.status in (Status.DELIVERED, Status.READ)
    return row.status == Status.ACCEPTED


def _accept_times(client: SandboxClient) -> dict[str, list[float]]:
    """Return the Unix timestamps at which providers accepted each notification, by its id, from the sandbox's log."""
    times: dict[str, list[float]] = {}
    for entry in client.accepted():
        notification_id = entry.get("status_callback", "").split("/")[-2:-1] or [
            entry.get("message_id", "").strip("<").split("@")[0]
        ]
        times.setdefault(notification_id[0], []).append(entry["at"])
    return times


def _format_seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
