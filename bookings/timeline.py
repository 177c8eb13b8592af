"""What happened to a booking, told by every app that knows a part of it: each adds a source in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from bookings.models import Booking


@dataclass(frozen=True)
class Entry:
    """One line of a booking's story. ``status`` is shown as a pill; ``link`` leads to more, where there is more."""

    at: datetime
    title: str
    detail: str = ""
    status: str = ""
    link: str = ""


Source = Callable[[Booking], Iterable[Entry]]

_sources: list[Source] = []


def add_source(source: Source) -> None:
    """Let ``source`` tell its part of every booking's story."""
    _sources.append(source)


def timeline(booking: Booking) -> list[Entry]:
    """Return the whole story, oldest first."""
    return sorted((entry for source in _sources for entry in source(booking)), key=lambda entry: entry.at)


def booking_events(booking: Booking) -> Iterable[Entry]:
    """Tell what became of the booking itself, and who did it."""
    for event in booking.events.all():
        yield Entry(event.at, f"Booking {event.kind}", f"by {event.actor}", status=event.to_status)
