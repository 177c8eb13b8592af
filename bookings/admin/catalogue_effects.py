"""Base class of the catalogue's admin: after a change, it states which bookings the change affects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from bookings.models import Booking, Resource, Service
from bookings.models.booking import BookingQuerySet
from bookings.scheduling.catalogue_conflicts import find_conflicts, why_not_bookable
from foundation.http.staff_admin import StaffAdmin
from foundation.timezones import format_local_time

MAX_LISTED = 10
RESCHEDULE_OR_CANCEL = "Reschedule or cancel them; the customers will be notified."


class CatalogueAdmin(StaffAdmin):
    """An admin that lists the upcoming bookings that a change, or a deletion, no longer allows.

    Their resources are locked before the change is saved: a booking that is made at the same moment is either listed,
    or checked against the changed catalogue.
    """

    def resources_of(self, obj: Any) -> QuerySet[Resource]:
        """Return the resources whose slots a change of ``obj`` may affect."""
        raise NotImplementedError

    def bookings_of(self, obj: Any) -> BookingQuerySet:
        """Return the bookings that a change of ``obj`` may affect."""
        return Booking.objects.occupying(self.resources_of(obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        request.conflicts = self._find_conflicts(obj)  # type: ignore[attr-defined]
        self.save_row(obj)

    def save_row(self, obj: Any) -> None:
        obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._warn_about_conflicts(request, *request.conflicts)  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        conflicts = self._find_conflicts(obj)
        super().delete_model(request, obj)
        self._warn_about_conflicts(request, *conflicts)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows = list(queryset)
        self._lock_resources(rows)
        all_conflicts = [self._find_conflicts(obj) for obj in rows]
        super().delete_queryset(request, queryset)
        for conflicts in all_conflicts:
            self._warn_about_conflicts(request, *conflicts)

    def lock(self, obj: Any) -> None:
        # Resources first, as a deletion does: the other order would deadlock with it.
        self._lock_resources([obj])
        super().lock(obj)

    def _lock_resources(self, rows: Iterable[Any]) -> None:
        """Lock the resources of all rows together, in key order as bookings do, so that neither can deadlock."""
        keys = {key for row in rows for key in self.resources_of(row).values_list("pk", flat=True)}
        list(Resource.objects.filter(pk__in=keys).select_for_update(no_key=True).order_by("pk"))

    def _find_conflicts(self, obj: Any) -> tuple[BookingQuerySet, dict[Booking, str]]:
        self._lock_resources([obj])
        bookings = self.bookings_of(obj)
        return bookings, find_conflicts(bookings)

    def _warn_about_conflicts(
        self, request: HttpRequest, bookings: BookingQuerySet, before: dict[Booking, str]
    ) -> None:
        after = find_conflicts(bookings)
        affected = [(booking, reason) for booking, reason in after.items() if before.get(booking) != reason]
        warn_about_bookings(request, "Still booked, although no longer possible", affected)


def warn_about_bookings(request: HttpRequest, state: str, bookings: Sequence[tuple[Booking, str]]) -> None:
    """Warn that these bookings are in ``state``, each with a note: they are not changed automatically."""
    rows = [(b, b.reference, f"{format_local_time(b.starts_at, b.zone)}: {note}") for b, note in bookings]
    warn_about_rows(request, state, rows, RESCHEDULE_OR_CANCEL)


def warn_about_rows(request: HttpRequest, state: str, rows: Sequence[tuple[Model, str, str]], advice: str) -> None:
    """Warn about the rows, each with its name and a note; the first MAX_LISTED have a link."""
    if rows:
        page = "admin:{0.app_label}_{0.model_name}_change"
        entries = [
            (reverse(page.format(row._meta), args=[row.pk]), name, note) for row, name, note in rows[:MAX_LISTED]
        ]
        listed = format_html_join(", ", '<a href="{}">{}</a> ({})', entries)
        more = f" and {len(rows) - MAX_LISTED} more" if len(rows) > MAX_LISTED else ""
        messages.warning(request, format_html("{} ({}): {}{}. {}", state, len(rows), listed, more, advice))


def warn_if_not_bookable(request: HttpRequest, services: Iterable[Service]) -> None:
    """Warn about each active service that customers cannot book on any day."""
    for service in services:
        if service.is_active and (reason := why_not_bookable(service)):
            messages.warning(request, f"Customers cannot book {service}: {reason}.")
