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

from accounts.models import ServiceToken
from bookings.manage_tokens import hash_token
from bookings.models.customer import Customer
from bookings.models.defaults import new_reference
from bookings.models.resource import Resource
from bookings.models.search import MAX_MATCHES, reference_prefix
from bookings.models.service import Service
from bookings.models.session import Session
from foundation.clock import database_now
from foundation.text_fields import TextField

OVERDUE = Q(hold_expires_at__lte=Now()) | Q(answer_by__lte=Now())


class BookingQuerySet(models.QuerySet["Booking"]):
    def for_api(self) -> BookingQuerySet:
        """Return bookings newest first, with everything that the API's representation needs."""
        return self.select_related("service__location", "customer", "resource").order_by("-created_at", "-pk")

    def with_manage_token(self, token: str) -> BookingQuerySet:
        """Return the booking with this manage token."""
        return self.filter(manage_token_hash=hash_token(token))

    def overlapping(self, starts_at: Any, ends_at: Any) -> BookingQuerySet:
        """Return the bookings that overlap the interval. Its ends may be expressions."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def matching(self, text: str) -> BookingQuerySet:
        """Return the bookings whose reference begins with ``text``, or whose customer matches it.

        Of very many, only those of the newest customers, and the newest of those with such a reference.
        """
        prefix = reference_prefix(text)
        by_customer = Booking.objects.filter(customer__in=Customer.objects.matching(text)).order_by()
        if prefix is None:
            return self.filter(pk__in=by_customer.values("pk"))
        by_reference = Booking.objects.filter(reference__startswith=prefix).order_by("-created_at", "-pk")
        return self.filter(pk__in=by_customer.values("pk").union(by_reference.values("pk")[:MAX_MATCHES]))

    def overdue(self) -> BookingQuerySet:
        """Return holds and requests that are past their deadline but have not been expired yet."""
        return self.filter(OVERDUE)

    def active(self) -> BookingQuerySet:
        """Return bookings that block their slot. Overdue holds and requests do not, even before they are expired."""
        return self.filter(status__in=Booking.BLOCKING).exclude(OVERDUE)

    def upcoming(self) -> BookingQuerySet:
        """Return active bookings whose visit is not over."""
        return self.active().filter(ends_at__gt=Now())

    def occupying(self, resources: models.QuerySet[Resource]) -> BookingQuerySet:
        """Return bookings that occupy one of these resources, directly or through a session."""
        allocated = Q(allocations__resource__in=resources) | Q(session__allocations__resource__in=resources)
        return self.filter(allocated).distinct()

    def locked_for_transition(self) -> BookingQuerySet:
        """Lock the rows, skipping those that are already locked, and load the relations that a transition needs."""
        locked = self.select_for_update(of=("self",), no_key=True, skip_locked=True)
        return locked.select_related("service__location", "customer", "resource", "session")


class Booking(models.Model):
    """A customer's visit, booked or held. ``version`` is the ``seq`` of its latest BookingEvent.

    Price, cutoffs and time zone are copies: later changes to the service or the location do not affect them. A
    reschedule takes the location's current zone.
    """

    class Status(models.TextChoices):
        HELD = "held"
        PENDING = "pending"
        CONFIRMED = "confirmed"
        COMPLETED = "completed"
        NO_SHOW = "no_show"
        CANCELLED = "cancelled"
        DECLINED = "declined"
        EXPIRED = "expired"

    # For each status, the statuses from which transition_to may change to it. A reschedule by the customer may also
    # change confirmed to pending.
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
    PAYABLE = [Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW]  # statuses in which payments count

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=12, unique=True, default=new_reference, editable=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    # Only a booking whose customer asked for it must have it, such as after a late payment for a class.
    requested_resource = models.ForeignKey(
        Resource, null=True, on_delete=models.PROTECT, editable=False, related_name="+", db_index=False
    )
    session = models.ForeignKey(Session, null=True, on_delete=models.PROTECT, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status.choices, editable=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=60)
    party_size = models.PositiveSmallIntegerField(default=1)
    notes = TextField(max_length=1000, blank=True)
    price_minor = models.PositiveBigIntegerField(editable=False)
    due_online_minor = models.PositiveBigIntegerField(editable=False)
    currency = models.CharField(max_length=3, editable=False)
    hold_expires_at = models.DateTimeField(null=True, editable=False)
    answer_by = models.DateTimeField(
        null=True, editable=False, help_text="When the request expires unless staff confirm or decline it."
    )
    cancel_cutoff_minutes = models.PositiveIntegerField(default=0, editable=False)
    reschedule_cutoff_minutes = models.PositiveIntegerField(default=0, editable=False)
    late_since = models.DateTimeField(
        null=True, editable=False, help_text="The cutoff for cancelling after which the customer rescheduled."
    )
    rescheduled_by_staff_at = models.DateTimeField(
        null=True, editable=False, help_text="When staff chose the current time. Empty: the customer did."
    )
    is_late_cancellation = models.BooleanField(default=False, editable=False)
    manage_token_hash = models.CharField(max_length=64, editable=False, db_index=True)
    caller_hash = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        editable=False,
        help_text="Keyed hash of the client address, user or service token that created it, if known.",
    )
    service_token = models.ForeignKey(
        ServiceToken, null=True, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("confirm_booking", "Can confirm and decline bookings"),
            ("complete_booking", "Can complete bookings and mark no-shows"),
            ("cancel_booking", "Can cancel bookings"),
            ("reschedule_booking", "Can reschedule bookings"),
            ("correct_booking", "Can correct a completed booking to no-show, and back"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="booking_newest_first"),
            models.Index(fields=["starts_at"], name="booking_by_start"),
            models.Index(fields=["hold_expires_at"], name="hold_by_end", condition=Q(hold_expires_at__isnull=False)),
            models.Index(
                fields=["service_token", "-created_at", "-id"],
                name="booking_of_service_token",
                condition=Q(service_token__isnull=False),
            ),
            models.Index(fields=["answer_by"], name="request_by_end", condition=Q(answer_by__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                name="booking_starts_before_it_ends",
                condition=Q(starts_at__lt=F("ends_at")),
                violation_error_message="The visit must end after it starts.",
            ),
            models.CheckConstraint(
                name="a_hold_and_only_a_hold_expires",
                condition=Q(status="held", hold_expires_at__isnull=False)
                | (~Q(status="held") & Q(hold_expires_at__isnull=True)),
                violation_error_message="A hold needs a time at which it expires; other bookings have none.",
            ),
            models.CheckConstraint(
                name="only_a_request_is_answered",
                condition=Q(status="pending") | Q(answer_by__isnull=True),
                violation_error_message="Only a pending booking has a time by which staff must confirm it.",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def transition_to(self, status: Status, **fields: Any) -> bool:
        """Set ``status`` and ``fields`` if the current status allows it; return whether it did.

        A single UPDATE decides, so two callers cannot both succeed. Afterwards, the instance matches the row.
        """
        changes = {"hold_expires_at": None, "answer_by": None, **fields}
        updated = Booking.objects.filter(pk=self.pk, status__in=self.ALLOWED_PREDECESSORS[status]).update(
            status=status, version=F("version") + 1, updated_at=Now(), **changes
        )
        self.refresh_from_db(fields=["status", "version", "updated_at", *changes])
        return bool(updated)

    def reschedule_to(self, starts_at: datetime, ends_at: datetime, resource: Resource, **fields: Any) -> bool:
        """Set the new times, resource and ``fields`` if the status allows it; return whether it did."""
        reschedulable = Booking.objects.filter(pk=self.pk, status__in=self.RESCHEDULABLE)
        changes = {"starts_at": starts_at, "ends_at": ends_at, "resource": resource, **fields}
        updated = reschedulable.update(version=F("version") + 1, updated_at=Now(), **changes)
        self.refresh_from_db(fields=["version", "updated_at", *changes])
        return bool(updated)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the customer knows the time: the location's, when the time was booked."""
        return ZoneInfo(self.timezone)

    @property
    def has_outdated_zone(self) -> bool:
        """Whether the location's zone was corrected since, so that its clock shows another time for the visit."""
        current = self.starts_at.astimezone(self.service.location.zone)
        return self.starts_at.astimezone(self.zone).utcoffset() != current.utcoffset()

    @property
    def allocation_owner(self) -> Booking | Session:
        """The owner of the allocations that block the slot: the booking itself, or its session."""
        return self.session or self

    def occupies(self, resource: Resource) -> bool:
        """Return whether the booking occupies ``resource``, as its main resource or an additional one."""
        return self.allocation_owner.allocations.filter(resource=resource).exists()

    @property
    def is_as_created(self) -> bool:
        """Whether nothing has changed since the booking was created: no transition, and its hold has not run out."""
        return self.version == 1 and not self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """Whether the booking is a hold that is past its deadline but has not been expired yet."""
        return self.hold_expires_at is not None and self.hold_expires_at <= database_now()

    @property
    def cancel_until(self) -> datetime:
        """Until when the customer may cancel. A customer who rescheduled after it is late for the new time, too."""
        return self.late_since or self._cutoff(self.cancel_cutoff_minutes)

    @property
    def reschedule_until(self) -> datetime:
        """Until when the customer may reschedule."""
        return self._cutoff(self.reschedule_cutoff_minutes)

    @property
    def is_late(self) -> bool:
        """Whether it is too late for the customer to cancel."""
        return database_now() > self.cancel_until

    def _cutoff(self, minutes: int) -> datetime:
        """Return the cutoff, or the start if staff chose a time whose cutoff had already passed."""
        cutoff = self.starts_at - timedelta(minutes=minutes)
        chosen_at = self.rescheduled_by_staff_at
        return self.starts_at if chosen_at is not None and chosen_at > cutoff else cutoff

    def accepts_manage_token(self, token: str) -> bool:
        """Return whether ``token`` is this booking's manage token."""
        return secrets.compare_digest(self.manage_token_hash, hash_token(token))
