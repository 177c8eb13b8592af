"""Build services, bookings and request bodies."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from bookings.exceptions import SlotTaken
from bookings.models import Booking, Location, Resource, Service, WorkingHours
from bookings.operations import create_booking, hold_booking
from foundation.events import Actor, ActorKind

CUSTOMER = {"name": "Meera Iyer", "phone": "+919812340003", "email": "meera@example.com"}


KOLKATA = ZoneInfo("Asia/Kolkata")


DESK = Actor(ActorKind.STAFF, "desk")


CUSTOMER_ACTOR = Actor(ActorKind.CUSTOMER)


def make_service(*, resources: int = 1, slug: str = "consultation", **fields: Any) -> Service:
    """Create a service that ``resources`` doctors offer daily from 9 to 18, without reminders."""
    location, _ = Location.objects.get_or_create(name="Lotus Clinic", defaults={"timezone": "Asia/Kolkata"})
    fields = {"name": slug.title(), "duration_minutes": 30, "price_minor": 50_000, "reminder_minutes": [], **fields}
    service = Service.objects.create(location=location, slug=slug, **fields)
    for number in range(resources):
        resource = Resource.objects.create(name=f"Dr. {slug} {number}")
        resource.services.add(service)
        add_hours(resource, location)
    return service


def add_hours(resource: Resource, location: Location, opens_at: time = time(9), closes_at: time = time(18)) -> None:
    """Let the resource serve the location daily during these hours."""
    resource.locations.add(location)
    WorkingHours.objects.bulk_create(
        WorkingHours(resource=resource, location=location, weekday=day, opens_at=opens_at, closes_at=closes_at)
        for day in range(7)
    )


def make_room(service: Service, name: str = "Room 1") -> Resource:
    """Add a room to the service; each booking then occupies a room, too."""
    room = Resource.objects.create(name=name, kind=Resource.Kind.ROOM)
    room.locations.add(service.location)
    room.services.add(service)
    return room


def make_paid_service(**fields: Any) -> Service:
    """Create a service that is paid in full online and needs no confirmation by staff."""
    defaults = {"slug": "physiotherapy", "payment_mode": Service.PaymentMode.FULL, "requires_confirmation": False}
    return make_service(**{**defaults, **fields})


def make_class(**fields: Any) -> Service:
    """Create a service whose slots are sessions with 12 places."""
    return make_service(**{"slug": "yoga", "capacity": 12, "requires_confirmation": False, **fields})


def slot(*, hour: int = 10, minute: int = 0, days: int = 1) -> datetime:
    """Return a time in the clinic's time zone, ``days`` from today."""
    day = datetime.now(KOLKATA) + timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def next_dst_transitions(zone: ZoneInfo) -> list[date]:
    """Return the days of DST transitions within a year, or one ordinary day in zones without DST."""
    noon = datetime.combine(timezone.now().date() + timedelta(days=3), time(12), zone)
    days = [noon + timedelta(days=number) for number in range(360)]
    transitions = [day.date() for day in days if (day - timedelta(days=1)).utcoffset() != day.utcoffset()]
    return transitions or [days[0].date()]


def make_booking(service: Service | None = None, **fields: Any) -> Booking:
    """Create a booking, by default as a customer."""
    service = service or Service.objects.first() or make_service()
    return create_booking(
        **{"service": service, "starts_at": slot(), "customer": CUSTOMER, "actor": CUSTOMER_ACTOR, **fields}
    ).booking


def make_hold(service: Service | None = None, **fields: Any) -> Booking:
    """Create a hold, by default as a customer."""
    service = service or make_paid_service()
    return hold_booking(
        **{"service": service, "starts_at": slot(), "customer": CUSTOMER, "actor": CUSTOMER_ACTOR, **fields}
    ).booking


def set_minutes_until_visit(booking: Booking, minutes: int) -> None:
    """Set the start of the booking without its slot, as if time had passed until then."""
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() + timedelta(minutes=minutes))


def try_to_book(service: Service, **fields: Any) -> bool:
    """Create a booking if the slot is free; return whether it was."""
    try:
        make_booking(service, **fields)
    except SlotTaken:
        return False
    return True


def booking_request(service: Service, **changes: Any) -> dict[str, Any]:
    """Return a body for POST /bookings/."""
    return {"service": service.slug, "starts_at": slot().isoformat(), "customer": CUSTOMER, **changes}
