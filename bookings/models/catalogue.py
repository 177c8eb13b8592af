"""The catalogue: where, what, with whom, and in which hours time is sold."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q


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


class Service(models.Model):
    """Something a customer can book. Times are in minutes, money in minor units of ``currency``."""

    class PaymentMode(models.TextChoices):
        NONE = "none", "At the desk"
        DEPOSIT = "deposit", "Deposit online"
        FULL = "full", "In full online"

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    duration_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    min_notice_minutes = models.PositiveIntegerField(default=0, help_text="How long before its start it can be booked.")
    horizon_days = models.PositiveSmallIntegerField(default=90, help_text="How far ahead it can be booked.")
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


class Resource(models.Model):
    class Kind(models.TextChoices):
        STAFF = "staff"
        ROOM = "room"
        EQUIPMENT = "equipment"

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.STAFF)
    services = models.ManyToManyField(Service, related_name="resources", blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WorkingHoursQuerySet(models.QuerySet["WorkingHours"]):
    def covering(self, starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> WorkingHoursQuerySet:
        """The opening intervals that contain the whole visit, seen on the wall clock of ``zone``."""
        start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
        if start.date() != end.date():
            return self.none()
        return self.filter(weekday=start.weekday(), opens_at__lte=start.time(), closes_at__gte=end.time())


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

    objects = WorkingHoursQuerySet.as_manager()

    class Meta:
        ordering = ["resource", "weekday", "opens_at"]
        verbose_name_plural = "working hours"
        constraints = [models.CheckConstraint(name="opens_before_it_closes", condition=Q(opens_at__lt=F("closes_at")))]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}–{self.closes_at:%H:%M}"
