"""Create the data of a race: doctors, rooms, services, the slots that clients compete for, and a front-desk user."""

from __future__ import annotations

from datetime import datetime, timedelta

import requests
from django.contrib.auth.models import Group, User
from django.utils import timezone

from accounts.operations import create_staff_token
from bookings.models import Location, Resource, Service, WorkingHours
from sandbox.client import SandboxClient
from stress.race.paths import Context, Slot

DOCTORS, HALF_HOURS = 5, 10  # fifty slots


def make_catalogue() -> list[Resource]:
    """Create five doctors, two rooms that two services share, and seven services; return the doctors."""
    location = Location.objects.create(name="Lotus Clinic")
    services = _make_services(location)
    doctors = [Resource.objects.create(name=f"Dr. {number}") for number in range(DOCTORS)]
    for doctor in doctors:
        doctor.services.set(services)
        doctor.locations.add(location)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=doctor, location=location, weekday=day, opens_at="09:00", closes_at="18:00")
            for day in range(7)
        )
    for number in range(2):
        room = Resource.objects.create(name=f"Room {number}", kind=Resource.Kind.ROOM)
        room.locations.add(location)
        room.services.set([service for service in services if service.slug in ("surgery", "workshop")])
    return doctors


def make_slots(doctors: list[Resource]) -> list[Slot]:
    """Return the slots that clients compete for, each with the slot of the next doctor to reschedule from."""
    first_start = morning() + timedelta(days=1)
    return [
        Slot(
            doctor.pk,
            first_start + timedelta(minutes=30 * number),
            next_doctor.pk,
            first_start + timedelta(days=1, minutes=30 * number),
        )
        for doctor, next_doctor in zip(doctors, doctors[1:] + doctors[:1], strict=True)
        for number in range(HALF_HOURS)
    ]


def sign_in(base: str, sandbox: SandboxClient) -> Context:
    """Create a front-desk user with an API token, and sign in to the admin of the web server at ``base``."""
    desk_user = User.objects.create_user("desk", password="a-long-password", is_staff=True)
    desk_user.groups.add(Group.objects.get(name="Front desk"))
    http = requests.Session()
    http.get(f"{base}/admin/login/", timeout=30)
    form = {"username": "desk", "password": "a-long-password", "csrfmiddlewaretoken": http.cookies["csrftoken"]}
    http.post(f"{base}/admin/login/?next=/admin/", data=form, timeout=30).raise_for_status()
    bearer = create_staff_token(user=desk_user).token
    visit = Service.objects.get(slug="visit")
    rooms = list(Resource.objects.filter(kind=Resource.Kind.ROOM).values_list("pk", flat=True))
    return Context({"Authorization": f"Bearer {bearer}"}, dict(http.cookies), visit.pk, rooms, sandbox)


def morning() -> datetime:
    """Return nine o'clock today, when the doctors' working hours begin."""
    return timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)


def _make_services(location: Location) -> list[Service]:
    shared = {"location": location, "reminder_minutes": []}
    return [
        Service.objects.create(slug="visit", name="Visit", duration_minutes=30, **shared),
        Service.objects.create(
            slug="surgery",
            name="Surgery",
            duration_minutes=45,
            buffer_after_minutes=15,
            requires_confirmation=False,
            **shared,
        ),
        Service.objects.create(
            slug="class", name="Class", duration_minutes=60, capacity=12, requires_confirmation=False, **shared
        ),
        # With so few places that clients compete for the last ones.
        Service.objects.create(
            slug="workshop", name="Workshop", duration_minutes=30, capacity=4, requires_confirmation=False, **shared
        ),
        Service.objects.create(slug="course", name="Course", duration_minutes=60, capacity=12, **shared),
        Service.objects.create(
            slug="retreat",
            name="Retreat",
            duration_minutes=60,
            capacity=12,
            requires_confirmation=False,
            price_minor=50_000,
            payment_mode=Service.PaymentMode.FULL,
            **shared,
        ),
        Service.objects.create(
            slug="paid",
            name="Paid",
            duration_minutes=30,
            requires_confirmation=False,
            price_minor=50_000,
            payment_mode=Service.PaymentMode.FULL,
            **shared,
        ),
    ]
