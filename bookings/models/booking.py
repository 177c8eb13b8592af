"""A booking, what it occupies, and what happened to it."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from django.utils import timezone

from bookings.models.catalogue import Resource, Service
from bookings.models.customer import Customer


def new_reference() -> str:
    """Return what people say on the phone: no letter or digit in it looks or sounds like another."""
    return "BK-" + "".join(secrets.choice("ACDEFHJKMNPRTWXY3479") for _ in range(7))


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class BookingQuerySet(models.QuerySet["Booking"]):
    def for_api(self) -> BookingQuerySet:
        """Newest first, with everything an answer prints."""
        return self.select_related("service__location", "customer", "resource").order_by("-created_at", "-pk")


class Booking(models.Model):
    class Status(models.TextChoices):
        HELD = "held"
        PENDING = "pending"
        CONFIRMED = "confirmed"
        COMPLETED = "completed"
        NO_SHOW = "no_show"
        CANCELLED = "cancelled"
        DECLINED = "declined"
        EXPIRED = "expired"

    # The moves that exist: to each status, from these.
    MAY_FOLLOW = {
        Status.PENDING: [Status.HELD],
        Status.CONFIRMED: [Status.HELD, Status.PENDING, Status.EXPIRED],
        Status.COMPLETED: [Status.CONFIRMED, Status.NO_SHOW],
        Status.NO_SHOW: [Status.CONFIRMED, Status.COMPLETED],
        Status.CANCELLED: [Status.HELD, Status.PENDING, Status.CONFIRMED],
        Status.DECLINED: [Status.PENDING],
        Status.EXPIRED: [Status.HELD, Status.PENDING],
    }
    BLOCKING = [Status.HELD, Status.PENDING, Status.CONFIRMED]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=12, unique=True, default=new_reference, editable=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status.choices, editable=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=60)
    party_size = models.PositiveSmallIntegerField(default=1)
    notes = models.TextField(max_length=1000, blank=True)
    price_minor = models.PositiveBigIntegerField(editable=False)
    due_online_minor = models.PositiveBigIntegerField(editable=False)
    currency = models.CharField(max_length=3, editable=False)
    hold_expires_at = models.DateTimeField(null=True, editable=False)
    manage_token_hash = models.CharField(max_length=64, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [("confirm_booking", "Can confirm bookings"), ("complete_booking", "Can complete bookings")]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="booking_newest_first"),
            models.Index(fields=["starts_at"], name="booking_by_start"),
        ]
        constraints = [
            models.CheckConstraint(name="booking_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(
                name="a_hold_and_only_a_hold_expires",
                condition=Q(status="held", hold_expires_at__isnull=False)
                | (~Q(status="held") & Q(hold_expires_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def move_to(self, status: Status, **fields: Any) -> bool:
        """Move the row to ``status`` if it may still go there; return whether it did.

        One UPDATE decides, so two callers cannot both win. Afterwards the instance holds what the row holds.
        """
        moved = Booking.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status]).update(
            status=status, version=F("version") + 1, hold_expires_at=None, updated_at=Now(), **fields
        )
        self.refresh_from_db(fields=["status", "version", "hold_expires_at", "updated_at", *fields])
        return bool(moved)

    @property
    def is_lapsed(self) -> bool:
        """Whether it is a hold whose time is over, and which nobody has given up yet. Only a hold has an end."""
        return self.hold_expires_at is not None and self.hold_expires_at <= timezone.now()

    def opens_with(self, token: str) -> bool:
        """Whether ``token`` is this booking's manage token."""
        return secrets.compare_digest(self.manage_token_hash, hash_token(token))


class Int8Range(Func):
    function = "int8range"
    output_field = BigIntegerRangeField()


class Allocation(models.Model):
    """A resource that a booking occupies. The exclusion constraint under every path to a double booking stands here."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="allocations")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    blocked = DateTimeRangeField()
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="no_double_booking",
                # A range of one id stands in for "=": GiST equality on integers would need the btree_gist extension.
                expressions=[
                    (Int8Range(F("resource_id"), F("resource_id"), Value("[]")), RangeOperators.OVERLAPS),
                    ("blocked", RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
            ),
            models.UniqueConstraint(name="one_allocation_per_resource", fields=["booking", "resource"]),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} on {self.resource_id}"


class BookingEvent(models.Model):
    """One thing that happened to a booking; append-only. ``seq`` is the booking's version after it."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10)
    actor = models.CharField(max_length=160)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["booking", "seq"]
        constraints = [models.UniqueConstraint(name="one_event_per_version", fields=["booking", "seq"])]

    def __str__(self) -> str:
        return f"{self.kind} ({self.actor})"
