"""Bookings."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from bookings.manage_tokens import hash_token
from bookings.models.customer import Customer
from bookings.models.defaults import new_reference
from bookings.models.resource import Resource
from bookings.models.service import Service
from bookings.models.session import Session

OVERDUE = Q(hold_expires_at__lte=Now()) | Q(answer_by__lte=Now())


class BookingQuerySet(models.QuerySet["Booking"]):
    def for_api(self) -> BookingQuerySet:
        """Newest first, with everything an answer prints."""
        return self.select_related("service__location", "customer", "resource").order_by("-created_at", "-pk")

    def with_manage_token(self, token: str) -> BookingQuerySet:
        """The booking whose manage token this is."""
        return self.filter(manage_token_hash=hash_token(token))

    def overdue(self) -> BookingQuerySet:
        """The holds whose time is over, and the requests that nobody has answered in time."""
        return self.filter(OVERDUE)

    def active(self) -> BookingQuerySet:
        """Those that take somebody's time: not what has lapsed, swept away or not."""
        return self.filter(status__in=Booking.BLOCKING).exclude(OVERDUE)

    def occupying(self, resources: models.QuerySet[Resource]) -> BookingQuerySet:
        """Those that take some of these resources' time, by themselves or with a class."""
        theirs = Q(allocations__resource__in=resources) | Q(session__allocations__resource__in=resources)
        return self.filter(theirs).distinct()

    def locked_for_transition(self) -> BookingQuerySet:
        """Lock the rows, passing over those that somebody else has locked; with everything a move needs."""
        locked = self.select_for_update(of=("self",), no_key=True, skip_locked=True)
        return locked.select_related("service__location", "customer", "resource", "session")


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
    ALLOWED_PREDECESSORS = {
        Status.PENDING: [Status.HELD],
        Status.CONFIRMED: [Status.HELD, Status.PENDING, Status.EXPIRED],
        Status.COMPLETED: [Status.CONFIRMED, Status.NO_SHOW],
        Status.NO_SHOW: [Status.CONFIRMED, Status.COMPLETED],
        Status.CANCELLED: [Status.HELD, Status.PENDING, Status.CONFIRMED],
        Status.DECLINED: [Status.PENDING],
        Status.EXPIRED: [Status.HELD, Status.PENDING],
    }
    BLOCKING = [Status.HELD, Status.PENDING, Status.CONFIRMED]
    RESCHEDULABLE = [Status.PENDING, Status.CONFIRMED]
    PAYABLE = [Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW]  # what money may be for

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=12, unique=True, default=new_reference, editable=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    session = models.ForeignKey(Session, null=True, on_delete=models.PROTECT, editable=False)
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
    answer_by = models.DateTimeField(null=True, editable=False, help_text="When an unanswered request expires.")
    cancel_cutoff_minutes = models.PositiveIntegerField(default=0, editable=False)
    reschedule_cutoff_minutes = models.PositiveIntegerField(default=0, editable=False)
    is_late_cancellation = models.BooleanField(default=False, editable=False)
    manage_token_hash = models.CharField(max_length=64, editable=False, db_index=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("confirm_booking", "Can confirm and decline bookings"),
            ("complete_booking", "Can complete bookings and note who did not come"),
            ("cancel_booking", "Can cancel bookings"),
            ("reschedule_booking", "Can move bookings to another time"),
            ("correct_booking", "Can correct whether somebody came"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="booking_newest_first"),
            models.Index(fields=["starts_at"], name="booking_by_start"),
            models.Index(fields=["hold_expires_at"], name="hold_by_end", condition=Q(hold_expires_at__isnull=False)),
            models.Index(fields=["answer_by"], name="request_by_end", condition=Q(answer_by__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(name="booking_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(
                name="a_hold_and_only_a_hold_expires",
                condition=Q(status="held", hold_expires_at__isnull=False)
                | (~Q(status="held") & Q(hold_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="only_a_request_is_answered", condition=Q(status="pending") | Q(answer_by__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def transition_to(self, status: Status, **fields: Any) -> bool:
        """Move the row to ``status`` if it may still go there; return whether it did.

        One UPDATE decides, so two callers cannot both win. Afterwards the instance holds what the row holds.
        """
        changes = {"hold_expires_at": None, "answer_by": None, **fields}
        moved = Booking.objects.filter(pk=self.pk, status__in=self.ALLOWED_PREDECESSORS[status]).update(
            status=status, version=F("version") + 1, updated_at=Now(), **changes
        )
        self.refresh_from_db(fields=["status", "version", "updated_at", *changes])
        return bool(moved)

    def reschedule_to(self, starts_at: datetime, ends_at: datetime, resource: Resource, **fields: Any) -> bool:
        """Give the row other times if it may still be moved; return whether it was. Its status stays."""
        movable = Booking.objects.filter(pk=self.pk, status__in=self.RESCHEDULABLE)
        changes = {"starts_at": starts_at, "ends_at": ends_at, "resource": resource, **fields}
        moved = movable.update(version=F("version") + 1, updated_at=Now(), **changes)
        self.refresh_from_db(fields=["version", "updated_at", *changes])
        return bool(moved)

    @property
    def zone(self) -> ZoneInfo:
        """Where the visit is: the zone in which its times are told, also if the location's is corrected later."""
        return ZoneInfo(self.timezone)

    @property
    def allocation_owner(self) -> Booking | Session:
        """Whose allocations keep its time: its own, or its session's."""
        return self.session or self

    def occupies(self, resource: Resource) -> bool:
        """Whether it has ``resource``, be it the one that it is said to be with or one beside."""
        return self.allocation_owner.allocations.filter(resource=resource).exists()

    @property
    def is_overdue(self) -> bool:
        """Whether it is a hold whose time is over, and which nobody has given up yet. Only a hold has an end."""
        return self.hold_expires_at is not None and self.hold_expires_at <= timezone.now()

    def is_within(self, cutoff_minutes: int) -> bool:
        """Whether fewer than so many minutes are left until the visit."""
        return timezone.now() > self.starts_at - timedelta(minutes=cutoff_minutes)

    def accepts_manage_token(self, token: str) -> bool:
        """Whether ``token`` is this booking's manage token."""
        return secrets.compare_digest(self.manage_token_hash, hash_token(token))
