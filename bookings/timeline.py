"""The timeline of a booking. Each app that contributes to it registers a source in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bookings.models import Booking


@dataclass(frozen=True)
class Entry:
    """A line of the timeline. ``status`` is shown as a badge; users who have the ``permission`` see the ``link``."""

    at: datetime
    title: str
    detail: str = ""
    status: str = ""
    link: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A link from a booking to a page of another app, for users who have the ``permission``."""

    label: str
    link: str
    permission: str


Source = Callable[[Booking], Iterable[Entry]]

_sources: list[Source] = []
_shortcuts: list[Callable[[Booking], Shortcut]] = []


def add_source(source: Source) -> None:
    """Add the entries of ``source`` to every booking's timeline."""
    _sources.append(source)


def add_shortcut(shortcut: Callable[[Booking], Shortcut]) -> None:
    """Show a shortcut on every booking."""
    _shortcuts.append(shortcut)


def timeline(booking: Booking, has_permission: Callable[[str], bool]) -> list[Entry]:
    """Return the entries, oldest first, without the links that the user may not open."""
    entries = (entry for source in _sources for entry in source(booking))
    visible = (entry if has_permission(entry.permission) else replace(entry, link="") for entry in entries)
    return sorted(visible, key=lambda entry: entry.at)


def shortcuts(booking: Booking, has_permission: Callable[[str], bool]) -> list[Shortcut]:
    """Return the shortcuts that the user may open."""
    candidates = (build(booking) for build in _shortcuts)
    return [shortcut for shortcut in candidates if has_permission(shortcut.permission)]


def booking_events(booking: Booking) -> Iterable[Entry]:
    """Yield the booking's own events, each with its actor."""
    for event in booking.events.all():
        title = f"Booking {event.get_kind_display().lower()}"
        yield Entry(event.at, title, f"by {event.actor}", status=event.to_status)
