"""The catalogue: where, what, with whom, and in which hours time is sold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

WITHIN_A_YEAR = MaxValueValidator(366 * 24 * 60, "Say at most a year: 527040 minutes.")


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless ``name`` is in the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is no time zone. Use a name like Asia/Kolkata.")


class Location(models.Model):
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=250, blank=True)
    timezone = models.CharField(max_length=60, default=settings.TIME_ZONE, validators=[validate_timezone])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


def a_day_and_two_hours() -> list[int]:
    return [24 * 60, 2 * 60]


class Service(models.Model):
    """Something a customer can book. Times are in minutes, money in minor units of ``currency``."""

    class PaymentMode(models.TextChoices):
        NONE = "none", "At the desk"
        DEPOSIT = "deposit", "Deposit online"
        FULL = "full", "In full online"

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    duration_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    min_notice_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR], default=0, help_text="How long before its start it can be booked."
    )
    horizon_days = models.PositiveSmallIntegerField(default=90, help_text="How far ahead it can be booked.")
    slot_interval_minutes = models.PositiveSmallIntegerField(
        default=15, help_text="Visits start at opening and every so many minutes after it."
    )
    capacity = models.PositiveSmallIntegerField(
        default=1, help_text="How many people share one time. More than one makes it a class."
    )
    max_open_per_customer = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How many visits to come one phone number may have. Empty: any number."
    )
    cancel_cutoff_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR], default=120, help_text="How long before its start customers may still cancel."
    )
    reschedule_cutoff_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR], default=120, help_text="How long before its start customers may still move it."
    )
    answer_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR], default=24 * 60, help_text="How long a request waits for staff to answer it."
    )
    reminder_minutes = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(1), WITHIN_A_YEAR]),
        default=a_day_and_two_hours,
        blank=True,
        size=5,
        help_text="How long before its start people are reminded, with commas between: 1440,120. Empty: not at all.",
    )
    hold_minutes = models.PositiveSmallIntegerField(default=15, help_text="How long an unpaid slot is kept.")
    price_minor = models.PositiveBigIntegerField(default=0, help_text="In minor units: 50000 is INR 500.00.")
    deposit_minor = models.PositiveBigIntegerField(default=0, help_text="In minor units; for payment by deposit.")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    payment_mode = models.CharField(max_length=10, choices=PaymentMode.choices, default=PaymentMode.NONE)
    requires_confirmation = models.BooleanField(default=True, help_text="Staff confirm each booking.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="service_takes_time", condition=Q(duration_minutes__gt=0)),
            models.CheckConstraint(
                name="service_has_a_place_and_a_rhythm", condition=Q(capacity__gt=0, slot_interval_minutes__gt=0)
            ),
            models.CheckConstraint(name="deposit_within_price", condition=Q(deposit_minor__lte=F("price_minor"))),
            models.CheckConstraint(
                name="paid_service_has_a_price",
                condition=Q(payment_mode="none")
                | Q(payment_mode="full", price_minor__gt=0)
                | Q(payment_mode="deposit", deposit_minor__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def due_online_minor(self) -> int:
        """What a customer pays online when booking."""
        amounts = {
            self.PaymentMode.NONE: 0,
            self.PaymentMode.DEPOSIT: self.deposit_minor,
            self.PaymentMode.FULL: self.price_minor,
        }
        return amounts[self.PaymentMode(self.payment_mode)]

    def ends_at(self, starts_at: datetime) -> datetime:
        return starts_at + timedelta(minutes=self.duration_minutes)

    def blocked(self, starts_at: datetime) -> tuple[datetime, datetime]:
        """Return the half-open range that a booking occupies its resources: the visit and its buffers."""
        return (
            starts_at - timedelta(minutes=self.buffer_before_minutes),
            self.ends_at(starts_at) + timedelta(minutes=self.buffer_after_minutes),
        )


class ResourceQuerySet(models.QuerySet["Resource"]):
    def listed_for(self, service: Service, wanted: Resource | None = None) -> Self:
        """All that a service lists at its location, at work or not; of the kind of ``wanted``, that one alone.

        A service takes one of each kind that is listed: where none of a kind is at work, it cannot be had at all.
        """
        listed = self.filter(services=service, location=service.location_id)
        return listed if wanted is None else listed.filter(Q(pk=wanted.pk) | ~Q(kind=wanted.kind))


class Resource(models.Model):
    class Kind(models.TextChoices):
        STAFF = "staff"
        ROOM = "room"
        EQUIPMENT = "equipment"

    # Whom a booking is said to be with: the first of these kinds that it takes.
    KINDS = [Kind.STAFF, Kind.ROOM, Kind.EQUIPMENT]

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.STAFF)
    services = models.ManyToManyField(Service, related_name="resources", blank=True)
    is_active = models.BooleanField(default=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def by_kind(cls, resources: Iterable[Self]) -> list[list[Self]]:
        """Return the resources in groups of one kind: a service takes one of each, and is named by the first."""
        groups: dict[str, list[Self]] = {kind: [] for kind in cls.KINDS}
        for resource in resources:
            groups[resource.kind].append(resource)
        return [group for group in groups.values() if group]


class WorkingHours(models.Model):
    """One opening interval of a resource, every week, on the wall clock of its location."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0
        TUESDAY = 1
        WEDNESDAY = 2
        THURSDAY = 3
        FRIDAY = 4
        SATURDAY = 5
        SUNDAY = 6

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices)
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["resource", "weekday", "opens_at"]
        verbose_name_plural = "working hours"
        constraints = [models.CheckConstraint(name="opens_before_it_closes", condition=Q(opens_at__lt=F("closes_at")))]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}–{self.closes_at:%H:%M}"


class ScheduleException(models.Model):
    """A time at which the weekly hours do not hold: a holiday, a day off, an evening on which somebody works longer."""

    location = models.ForeignKey(Location, on_delete=models.CASCADE)
    resource = models.ForeignKey(
        Resource, null=True, blank=True, on_delete=models.CASCADE, help_text="Nobody named: it holds for everybody."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_open = models.BooleanField(default=False, help_text="Open at that time, rather than closed.")
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["-starts_at"]
        indexes = [models.Index(fields=["location", "ends_at"], name="exception_by_end")]
        constraints = [
            models.CheckConstraint(name="exception_takes_time", condition=Q(starts_at__lt=F("ends_at"))),
        ]

    def __str__(self) -> str:
        return self.reason or ("open" if self.is_open else "closed")

    def clean(self) -> None:
        if self.resource is not None and self.resource.location_id != self.location_id:
            raise ValidationError({"resource": "That one works at another location. Pick the location that fits."})
