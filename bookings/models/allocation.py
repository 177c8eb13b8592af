"""Allocations: the time of a resource that a booking or a session occupies. The double-booking constraint is here."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from bookings.models.booking import Booking
from bookings.models.resource import Resource
from bookings.models.session import Session


class Int8Range(Func):
    function = "int8range"
    output_field = BigIntegerRangeField()


class Allocation(models.Model):
    """A resource that a booking or a session occupies during ``blocked``.

    The exclusion constraint is the safety net against double bookings on every path.
    """

    booking = models.ForeignKey(Booking, null=True, on_delete=models.CASCADE, related_name="allocations")
    session = models.ForeignKey(Session, null=True, on_delete=models.CASCADE, related_name="allocations")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    blocked = DateTimeRangeField()
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="no_double_booking",
                # A range of one id instead of "=": equality on integers in GiST would need the btree_gist extension.
                expressions=[
                    (Int8Range(F("resource_id"), F("resource_id"), Value("[]")), RangeOperators.OVERLAPS),
                    ("blocked", RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
                violation_error_message="The resource is occupied at that time. Choose another time or resource.",
            ),
            # An empty range overlaps nothing, so the constraint above would not see it.
            models.CheckConstraint(
                name="some_time_is_blocked",
                condition=Q(blocked__isempty=False),
                violation_error_message="The blocked time must end after it starts.",
            ),
            models.UniqueConstraint(
                name="one_allocation_per_resource",
                fields=["booking", "resource"],
                violation_error_message="The booking already occupies this resource.",
            ),
            models.CheckConstraint(
                name="occupied_by_a_booking_or_a_session",
                condition=Q(booking__isnull=False, session__isnull=True)
                | Q(booking__isnull=True, session__isnull=False),
                violation_error_message="Either a booking or a session occupies a resource: set exactly one of them.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id or self.session_id} on {self.resource_id}"
