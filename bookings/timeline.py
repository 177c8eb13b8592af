"""What happened to a booking, told by every app that knows a part of it: each adds a source in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bookings.models import Booking


@dataclass(frozen=True)
class Entry:
    """One line of a booking's story. ``status`` is shown as a pill; ``link`` leads to more, for those who have the
    ``permission`` to see it."""

    at: datetime
    title: str
    detail: str = ""
    status: str = ""
    link: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A way from a booking to what may be done about it elsewhere, for those who have the ``permission``."""

    label: str
    link: str
    permission: str


Source = Callable[[Booking], Iterable[Entry]]

_sources: list[Source] = []
_shortcuts: list[Callable[[Booking], Shortcut]] = []


def add_source(source: Source) -> None:
    """Let ``source`` tell its part of every booking's story."""
    _sources.append(source)


def add_shortcut(shortcut: Callable[[Booking], Shortcut]) -> None:
    """Show a way onwards on every booking."""
    _shortcuts.append(shortcut)


def timeline(booking: Booking, may: Callable[[str], bool]) -> list[Entry]:
    """Return the whole story, oldest first; ``may`` says which permissions the reader has."""
    entries = (entry for source in _sources for entry in source(booking))
    seen = (entry if may(entry.permission) else replace(entry, link="") for entry in entries)
    return sorted(seen, key=lambda entry: entry.at)


def shortcuts(booking: Booking, may: Callable[[str], bool]) -> list[Shortcut]:
    """Return the ways onwards that the reader may go."""
    return [way for each in _shortcuts if may((way := each(booking)).permission)]


def booking_events(booking: Booking) -> Iterable[Entry]:
    """Tell what became of the booking itself, and who did it."""
    for event in booking.events.all():
        yield Entry(event.at, f"Booking {event.kind}", f"by {event.actor}", status=event.to_status)
