"""Create a clinic, a salon and a yoga studio to try Daybook with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.models import Category, Location, Resource, Service, WorkingHours
from runtime.preparation import preparation_lock

PASSWORD = "try-daybook-today"  # noqa: S105 - the demo prints it
LOGINS = {"frontdesk": "Front desk", "manager": "Managers", "admin": None, "owner": None}
SECOND_FACTOR_LOGIN = "owner"  # the other logins have none

WORKDAY = [(time(9), time(18))]
SPLIT_DAY = [(time(10), time(13)), (time(14), time(20))]
MORNING_AND_EVENING = [(time(7), time(8)), (time(18), time(19))]


@dataclass(frozen=True)
class Place:
    """A location and its services. ``rooms``: the slugs of the services that use a room, by the room's name."""

    name: str
    address: str
    category: str
    hours: list[tuple[time, time]]
    staff: list[str]
    services: list[dict[str, Any]]
    rooms: dict[str, list[str]] = field(default_factory=dict)


PLACES = [
    Place(
        "Lotus Clinic",
        "12 Lake Road, Pune",
        "Health",
        WORKDAY,
        ["Dr. Asha Rao", "Dr. Vikram Shah"],
        [
            {"slug": "consultation", "name": "Consultation", "duration_minutes": 30, "price_minor": 50_000},
            {
                "slug": "blood-test",
                "name": "Blood test",
                "duration_minutes": 15,
                "price_minor": 30_000,
                "requires_confirmation": False,
            },
            {
                "slug": "physiotherapy",
                "name": "Physiotherapy",
                "duration_minutes": 45,
                "price_minor": 120_000,
                "payment_mode": Service.PaymentMode.FULL,
                "requires_confirmation": False,
                "buffer_after_minutes": 15,
            },
        ],
        rooms={"Room 1": ["consultation", "physiotherapy"], "Room 2": ["consultation", "physiotherapy"]},
    ),
    Place(
        "Lotus Salon",
        "14 Lake Road, Pune",
        "Beauty",
        SPLIT_DAY,
        ["Nila", "Farah", "Tara"],
        [
            {
                "slug": "haircut",
                "name": "Haircut",
                "duration_minutes": 45,
                "price_minor": 60_000,
                "requires_confirmation": False,
                "buffer_after_minutes": 15,
                "slot_interval_minutes": 30,
            }
        ],
    ),
    Place(
        "Lotus Studio",
        "16 Lake Road, Pune",
        "Movement",
        MORNING_AND_EVENING,
        ["Kavya"],
        [
            {
                "slug": "yoga",
                "name": "Yoga class",
                "duration_minutes": 60,
                "price_minor": 40_000,
                "capacity": 12,
                "requires_confirmation": False,
                "slot_interval_minutes": 60,
                "cancel_cutoff_minutes": 12 * 60,
            }
        ],
    ),
]


class Command(BaseCommand):
    help = "Create the demo's locations, services, staff and logins, only with DEBUG=1. A second run changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's logins are public, so they are only created with DEBUG=1.")
        with preparation_lock():
            for place in PLACES:
                self._create_place(place)
            for username, group in LOGINS.items():
                self._create_user(username, group)

    @transaction.atomic
    def _create_place(self, place: Place) -> None:
        location, _ = Location.objects.get_or_create(name=place.name, defaults={"address": place.address})
        category, _ = Category.objects.get_or_create(name=place.category)
        shared = {"location": location, "category": category}
        services = {
            each["slug"]: Service.objects.get_or_create(slug=each["slug"], defaults={**each, **shared})[0]
            for each in place.services
        }
        for name in place.staff:
            if resource := self._create_resource(name, Resource.Kind.STAFF, location):
                resource.services.set(services.values())
                WorkingHours.objects.bulk_create(
                    WorkingHours(
                        resource=resource, location=location, weekday=weekday, opens_at=opens_at, closes_at=closes_at
                    )
                    for weekday in WorkingHours.Weekday.values
                    for opens_at, closes_at in place.hours
                )
        for name, slugs in place.rooms.items():
            if room := self._create_resource(name, Resource.Kind.ROOM, location):
                room.services.set(services[slug] for slug in slugs)

    def _create_resource(self, name: str, kind: Resource.Kind, location: Location) -> Resource | None:
        """Create the resource; return None if the location has it already."""
        if location.resources.filter(name=name, kind=kind).exists():
            return None
        resource = Resource.objects.create(name=name, kind=kind)
        resource.locations.add(location)
        return resource

    def _create_user(self, username: str, group: str | None) -> None:
        user, is_new = User.objects.get_or_create(
            username=username, defaults={"is_staff": True, "is_superuser": group is None}
        )
        if is_new:
            user.set_password(PASSWORD)
            user.save()
            if group:
                user.groups.add(Group.objects.get(name=group))
        if username == SECOND_FACTOR_LOGIN:
            TOTPDevice.objects.get_or_create(user=user, confirmed=True, defaults={"name": "app"})
