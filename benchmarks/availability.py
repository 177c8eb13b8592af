"""Benchmark the availability endpoint: one month, ten resources, 10,000 bookings."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import requests
from django.db import connection
from django.utils import timezone

from benchmarks.counts import wait_until_settled
from benchmarks.figures import Figure, figure, percentile
from benchmarks.setup import Daybook
from bookings.models import Allocation, Booking, Customer, Location, Resource, Service, WorkingHours

BOOKINGS, RESOURCES = 10_000, 10
PAST_DAYS, DAYS = 60, 30
TARGET_MS = 30
WARM_UP_REQUESTS = 16
SLUG = "bench-calendar"


def measure_calendar(daybook: Daybook, rounds: int) -> Iterator[Figure]:
    """Request a month ``rounds`` times in sequence, and compare with reading the rows from PostgreSQL."""
    wait_until_settled()
    service = fill_calendar()
    first = timezone.localdate() + timedelta(days=1)
    query = {"from": str(first), "to": str(first + timedelta(days=DAYS - 1))}
    with requests.Session() as http:
        url = f"{daybook.base}/services/{SLUG}/availability"
        milliseconds = [_time_get(http, url, query) for _ in range(WARM_UP_REQUESTS + rounds)]
    baseline = [_time_rows(service, first) for _ in range(rounds)]
    response_times = milliseconds[WARM_UP_REQUESTS:]
    name = f"availability, {DAYS} days, {RESOURCES} resources, {BOOKINGS} bookings"
    yield figure(f"{name}, median", statistics.median(response_times), "ms", TARGET_MS, statistics.median(baseline))
    yield figure(f"{name}, p99", percentile(response_times, 99), "ms", TARGET_MS, percentile(baseline, 99))


def fill_calendar() -> Service:
    """Create the service, its resources, and bookings on about every third slot of the past and coming months."""
    location = Location.objects.create(name="Bench Calendar")
    service = Service.objects.create(
        location=location, slug=SLUG, name=SLUG, duration_minutes=30, requires_confirmation=False, horizon_days=90
    )
    resources = [Resource.objects.create(name=f"{SLUG} {number}") for number in range(RESOURCES)]
    service.resources.set(resources)
    for each in resources:
        each.locations.add(location)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=each, location=location, weekday=day, opens_at="09:00", closes_at="18:00")
            for day in range(7)
        )
    _book(service, random.Random(1).sample(list(_all_times(resources)), BOOKINGS))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bookings_allocation, bookings_booking")
    return service


def _all_times(resources: list[Resource]) -> Iterator[tuple[Resource, datetime]]:
    morning = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
    for each in resources:
        for day in range(-PAST_DAYS, DAYS + 1):
            for visit in range(18):
                yield each, morning + timedelta(days=day, minutes=30 * visit)


def _book(service: Service, times: list[tuple[Resource, datetime]]) -> None:
    customer = Customer.get_or_insert(name="Bench", phone="+919812340003", email="bench@example.com")
    bookings = [
        Booking(
            reference=f"BENCH-{number}",
            service=service,
            resource=resource,
            customer=customer,
            starts_at=starts_at,
            ends_at=service.ends_at(starts_at),
            status=Booking.Status.CONFIRMED,
            timezone="Asia/Kolkata",
            price_minor=0,
            due_online_minor=0,
            currency="INR",
            manage_token_hash="",
        )
        for number, (resource, starts_at) in enumerate(times)
    ]
    Booking.objects.bulk_create(bookings, batch_size=1000)
    Allocation.objects.bulk_create(
        (
            Allocation(booking=booking, resource=booking.resource, blocked=service.blocked(booking.starts_at))
            for booking in bookings
        ),
        batch_size=1000,
    )


def _time_get(http: requests.Session, url: str, query: dict[str, str]) -> float:
    """Return the milliseconds until the response arrived."""
    before = time.perf_counter()
    response = http.get(url, params=query, timeout=10)
    elapsed = (time.perf_counter() - before) * 1000
    response.raise_for_status()
    return elapsed


def _time_rows(service: Service, first: date) -> float:
    """Measure the baseline in milliseconds: reading the month's occupied times as plain rows."""
    before = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT resource_id, lower(blocked), upper(blocked) FROM bookings_allocation a
               WHERE is_active AND blocked && tstzrange(%s::date, %s::date + %s)
                 AND resource_id IN (SELECT resource_id FROM bookings_resource_services WHERE service_id = %s)""",
            [first, first, DAYS, service.pk],
        )
        cursor.fetchall()
    return (time.perf_counter() - before) * 1000
