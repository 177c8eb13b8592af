"""What a change of the catalogue affects: bookings and sessions that it no longer allows, services without resources.

They are not changed automatically, because customers rely on them: staff decide.
"""

from __future__ import annotations

from collections import defaultdict

from django.db.models import F

from bookings.models import Booking, Location, Resource, Service, Session, WorkingHours
from bookings.models.booking import BookingQuerySet
from bookings.scheduling.opening_hours import open_intervals
from foundation.clock import database_now
from foundation.intervals import Interval, find_containing


def find_conflicts(bookings: BookingQuerySet) -> dict[Booking, str]:
    """Return which of these upcoming bookings could not be made now, by their start, with the reason."""
    related = bookings.select_related("service__location", "session").prefetch_related(
        "allocations__resource", "session__allocations__resource"
    )
    upcoming = list(related.upcoming().order_by("starts_at", "pk"))
    listed = {service: set(Resource.objects.listed_for(service)) for service in {row.service for row in upcoming}}
    hours = _opening_hours(upcoming)
    conflicts: dict[Booking, str] = {}
    for booking in upcoming:
        for resource in _resources(booking):
            intervals = hours[booking.service.location][resource.pk]
            reason = _reason(booking, resource, listed[booking.service], intervals)
            if reason:
                conflicts.setdefault(booking, reason)
    return conflicts


def _reason(booking: Booking, resource: Resource, listed: set[Resource], intervals: list[Interval]) -> str:
    if not booking.service.is_active:
        return f"{booking.service} is inactive"
    if not resource.is_active:
        return f"{resource} is inactive"
    if resource not in listed:
        return f"{resource} does not offer {booking.service}"
    if not find_containing(intervals, booking.starts_at, booking.ends_at):
        return f"{resource} is not available then"
    return ""


def _resources(booking: Booking) -> list[Resource]:
    return [allocation.resource for allocation in booking.allocation_owner.allocations.all()]


def _opening_hours(bookings: list[Booking]) -> dict[Location, dict[int, list[Interval]]]:
    by_location = defaultdict(list)
    for booking in bookings:
        by_location[booking.service.location].append(booking)
    hours = {}
    for location, group in by_location.items():
        resources = {resource for booking in group for resource in _resources(booking)}
        first = min(booking.starts_at for booking in group).astimezone(location.zone).date()
        last = max(booking.ends_at for booking in group).astimezone(location.zone).date()
        hours[location] = open_intervals(location, resources, first, last)
    return hours


def find_overbooked_sessions(service: Service) -> list[Session]:
    """Return the upcoming sessions in which more places are taken than the service has now."""
    upcoming = Session.objects.filter(service=service, ends_at__gt=database_now())
    return list(upcoming.filter(booked__gt=F("service__capacity")).order_by("starts_at"))


def why_not_bookable(service: Service) -> str:
    """Return why this active service has no slots on any day, or an empty string."""
    kinds = Resource.by_kind(Resource.objects.listed_for(service))
    if not kinds:
        return "no resource at its location offers it"
    for resources in kinds:
        active = [resource for resource in resources if resource.is_active]
        if not active:
            return f"each resource of the kind “{resources[0].get_kind_display()}” that offers it is inactive"
        is_staff = active[0].kind == Resource.Kind.STAFF
        if is_staff and not WorkingHours.objects.filter(resource__in=active, location=service.location_id).exists():
            return "the staff who offer it have no working hours at its location"
    return ""
