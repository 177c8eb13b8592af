"""Create a clinic large enough for the load, and booking requests that never conflict."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone

from benchmarks.open_loop import Call
from bookings.models import Location, Resource, Service, WorkingHours

MESSAGE_SECONDS = 3.0  # the longest response time of a provider
DESK, PAID = "bench-desk", "bench-paid"
SERVICES = 20  # of each kind; a request accepts any free resource, as most do
RESOURCES = 2  # per service
VISITS_PER_DAY = 18  # half an hour each, from nine to six


def create_clinic() -> None:
    """Create the services that the load books, and their resources."""
    location = Location.objects.create(name="Bench Clinic")
    for number in range(SERVICES):
        for slug, fields in (
            (DESK, {"requires_confirmation": True}),
            (PAID, {"requires_confirmation": False, "payment_mode": Service.PaymentMode.FULL}),
        ):
            name = f"{slug}-{number:02}"
            service = Service.objects.create(
                location=location, slug=name, name=name, duration_minutes=30, price_minor=50_000, **fields
            )
            _add_resources(service)


def _add_resources(service: Service) -> None:
    for number in range(RESOURCES):
        resource = Resource.objects.create(name=f"{service.slug} {number}")
        resource.services.add(service)
        resource.locations.add(service.location)
        WorkingHours.objects.bulk_create(
            WorkingHours(
                resource=resource, location=service.location, weekday=day, opens_at=time(9), closes_at=time(18)
            )
            for day in range(7)
        )


def customer_input(number: int) -> dict[str, str]:
    """Return a customer of their own: a person cannot book twice at the same time."""
    return {
        "name": "Bench Mark",
        "phone": f"+9198{10_000_000 + number:08}",
        "email": f"bench{number}@example.com",
    }


class BookingRequests:
    """Generates booking requests, each for another customer and the next service and slot."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._customers = itertools.count()
        zone = timezone.get_default_timezone()
        self._morning = (datetime.now(zone) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)

    def bookings(self, count: int) -> list[Call]:
        return [Call("create", "POST", "/bookings/", self.body(DESK)) for _ in range(count)]

    def body(self, kind: str) -> dict[str, Any]:
        number = self._counts[kind]
        self._counts[kind] += 1
        day, visit = divmod(number // SERVICES, VISITS_PER_DAY)
        return {
            "service": f"{kind}-{number % SERVICES:02}",
            "starts_at": (self._morning + timedelta(days=day, minutes=30 * visit)).isoformat(),
            "customer": customer_input(next(self._customers)),
        }
