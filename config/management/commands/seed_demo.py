"""A small clinic to try Daybook with."""

from datetime import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError

from bookings.models import Location, Resource, Service, WorkingHours

PASSWORD = "try-daybook-today"  # noqa: S105 - shown to everybody who runs the demo
PEOPLE = {"frontdesk": "Front desk", "manager": "Managers", "admin": None}
SERVICES = [
    {"slug": "consultation", "name": "Consultation", "duration_minutes": 30, "price_minor": 50_000},
    {"slug": "blood-test", "name": "Blood test", "duration_minutes": 15, "price_minor": 30_000,
     "requires_confirmation": False},
    {"slug": "physiotherapy", "name": "Physiotherapy", "duration_minutes": 45, "price_minor": 120_000,
     "payment_mode": Service.PaymentMode.FULL, "requires_confirmation": False, "buffer_after_minutes": 15},
]  # fmt: skip


class Command(BaseCommand):
    help = "Create the demo's clinic, services, doctors and logins; a second run changes nothing. Only with DEBUG=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's logins are public: refusing without DEBUG=1.")
        location, _ = Location.objects.get_or_create(name="Lotus Clinic", defaults={"address": "12 Lake Road, Pune"})
        services = [
            Service.objects.get_or_create(slug=fields["slug"], defaults={**fields, "location": location})[0]
            for fields in SERVICES
        ]
        for name in ("Dr. Asha Rao", "Dr. Vikram Shah"):
            resource, is_new = Resource.objects.get_or_create(name=name, location=location)
            if is_new:
                resource.services.set(services)
                WorkingHours.objects.bulk_create(
                    [
                        WorkingHours(resource=resource, weekday=weekday, opens_at=time(9), closes_at=time(18))
                        for weekday in WorkingHours.Weekday.values
                    ]
                )
        for username, group in PEOPLE.items():
            self._person(username, group)

    def _person(self, username: str, group: str | None) -> None:
        user, is_new = User.objects.get_or_create(
            username=username, defaults={"is_staff": True, "is_superuser": group is None}
        )
        if is_new:
            user.set_password(PASSWORD)
            user.save()
            if group:
                user.groups.add(Group.objects.get(name=group))
