"""The order in which interchangeable resources are tried, when the customer has asked for none of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from bookings.models import Resource, Service
from bookings.scheduling.opening_hours import midnight

# The booked time of each resource on a day, buffers included. The visits that are already over do not occupy their
# resources any longer, but count; none of them is on a day to come, so there the second part is not executed.
BOOKED_SECONDS = """
    SELECT key, sum(date_part('epoch', upper(day.hours * booked.blocked) - lower(day.hours * booked.blocked)))
    FROM (SELECT tstzrange(%(first)s, %(last)s) AS hours) AS day,
         unnest(%(keys)s::bigint[]) AS key CROSS JOIN LATERAL (
        SELECT a.blocked FROM bookings_allocation a
        -- Written like the exclusion constraint, so that its index finds resource and time together.
        WHERE int8range(a.resource_id, a.resource_id, '[]') && int8range(key, key, '[]')
          AND a.blocked && tstzrange(%(first)s, %(last)s) AND a.is_active
        UNION ALL
        SELECT a.blocked FROM bookings_booking b JOIN bookings_allocation a ON a.booking_id = b.id
        WHERE %(first)s < now() AND b.starts_at >= %(first)s AND b.starts_at < %(last)s
          AND b.status IN ('completed', 'no_show') AND a.resource_id = key AND NOT a.is_active) AS booked
    GROUP BY key
"""


@dataclass(frozen=True)
class Preference:
    """Which resources a visit of ``service`` at ``starts_at`` should get. ``current`` are those that it already has."""

    service: Service
    starts_at: datetime
    current: frozenset[int] = frozenset()

    def sort(self, resources: list[Resource]) -> list[Resource]:
        """Return the resources in the order in which to try them: the current ones first, then as the service says."""
        booked = self._booked_seconds(resources) if self._needs_booked_time(resources) else {}
        return sorted(
            resources,
            key=lambda resource: (
                resource.pk not in self.current,
                booked.get(resource.pk, 0),
                resource.name.casefold(),
                resource.pk,
            ),
        )

    def _needs_booked_time(self, resources: list[Resource]) -> bool:
        """Return whether it makes a difference: some kind leaves a choice. It costs a query."""
        if self.service.resource_order != Service.ResourceOrder.LEAST_BOOKED:
            return False
        return any(
            len(kind) > 1 and self.current.isdisjoint(resource.pk for resource in kind)
            for kind in Resource.by_kind(resources)
        )

    def _booked_seconds(self, resources: list[Resource]) -> dict[int, float]:
        """Return how long each resource is booked on the day of the visit, in the location's zone."""
        zone = self.service.location.zone
        day = self.starts_at.astimezone(zone).date()
        within = {"first": midnight(day, zone), "last": midnight(day + timedelta(days=1), zone)}
        with connection.cursor() as cursor:
            cursor.execute(BOOKED_SECONDS, {"keys": [resource.pk for resource in resources], **within})
            return dict(cursor.fetchall())
