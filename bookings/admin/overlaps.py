"""Show staff when a person is booked twice at the same time, which only the same caller is refused."""

from __future__ import annotations

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from bookings.models import Booking, Customer


def annotate_overlaps(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    """Annotate each booking with ``overlaps``: the references of the same person's active bookings at that time."""
    person = Customer.objects.same_person(
        name=OuterRef(OuterRef("customer__name")),
        phone=OuterRef(OuterRef("customer__phone")),
        email=OuterRef(OuterRef("customer__email")),
    )
    others = Booking.objects.active().overlapping(OuterRef("starts_at"), OuterRef("ends_at"))
    others = others.filter(customer__in=person).exclude(pk=OuterRef("pk"))
    return bookings.annotate(overlaps=ArraySubquery(others.order_by("starts_at", "pk").values("reference")))


def describe_overlaps(booking: Booking) -> str:
    """Return the hint for an annotated booking; empty if it does not stand or its time is the person's only one."""
    references: list[str] = getattr(booking, "overlaps", [])
    is_standing = booking.status in Booking.BLOCKING
    return f"{', '.join(references)} at the same time" if references and is_standing else ""
