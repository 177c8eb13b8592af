"""Services: what customers book."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from bookings.models.category import Category
from bookings.models.defaults import WITHIN_A_YEAR, default_reminder_minutes
from bookings.models.location import Location
from bookings.online_amounts import check_online_amount
from foundation.money import validate_currency
from foundation.text_fields import NameField, TextField

AMOUNT_FIELDS = {"price_minor", "deposit_minor", "currency", "payment_mode"}


class Service(models.Model):
    """Something that customers book.

    The name of a duration ends with its unit; money is in minor units of ``currency``.
    """

    class PaymentMode(models.TextChoices):
        NONE = "none", "At the desk"
        DEPOSIT = "deposit", "Deposit online"
        FULL = "full", "In full online"

    class ResourceOrder(models.TextChoices):
        LEAST_BOOKED = "least_booked", "The one that is booked for the shortest time that day"
        BY_NAME = "by_name", "The first one by name"

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    name = NameField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    description = TextField(blank=True)
    duration_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    min_notice_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR], default=0, help_text="Minimum notice before the start, for customers."
    )
    horizon_days = models.PositiveSmallIntegerField(default=90, help_text="How many days ahead customers can book.")
    slot_interval_minutes = models.PositiveSmallIntegerField(
        default=15, help_text="Slots start at opening time and every so many minutes after it."
    )
    capacity = models.PositiveSmallIntegerField(
        default=1, help_text="Number of people who share one slot. More than one: the service is a class."
    )
    resource_order = models.CharField(
        max_length=12,
        choices=ResourceOrder.choices,
        default=ResourceOrder.LEAST_BOOKED,
        verbose_name="any resource",
        help_text="Which of the free resources is booked if the customer asks for none.",
    )
    max_open_per_customer = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Maximum number of upcoming bookings per phone number. Empty: unlimited."
    )
    cancel_cutoff_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR],
        default=120,
        help_text="Customers can cancel up to this many minutes before the start.",
    )
    reschedule_cutoff_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR],
        default=120,
        help_text="Customers can reschedule up to this many minutes before the start.",
    )
    answer_minutes = models.PositiveIntegerField(
        validators=[WITHIN_A_YEAR],
        default=24 * 60,
        help_text="A request expires if staff do not confirm or decline it within this time.",
    )
    reminder_minutes = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(1), WITHIN_A_YEAR]),
        default=default_reminder_minutes,
        blank=True,
        size=5,
        help_text="Minutes before the start of each reminder, separated by commas, such as 1440,120. Empty: none.",
    )
    hold_minutes = models.PositiveSmallIntegerField(default=15, help_text="How long a slot is held for payment.")
    price_minor = models.PositiveBigIntegerField(default=0)
    deposit_minor = models.PositiveBigIntegerField(default=0, help_text="For payment by deposit.")
    currency = models.CharField(max_length=3, default=settings.CURRENCY, validators=[validate_currency])
    payment_mode = models.CharField(max_length=10, choices=PaymentMode.choices, default=PaymentMode.NONE)
    requires_confirmation = models.BooleanField(default=True, help_text="Staff must confirm each booking.")
    reconfirms_reschedules = models.BooleanField(
        db_default=True,
        default=True,
        help_text="Staff must confirm again when a customer reschedules. Only if staff must confirm each booking.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="service_takes_time",
                condition=Q(duration_minutes__gt=0),
                violation_error_message="Enter a duration of at least one minute.",
            ),
            models.CheckConstraint(
                name="service_has_a_place_and_a_rhythm",
                condition=Q(capacity__gt=0, slot_interval_minutes__gt=0),
                violation_error_message="Enter a capacity of at least 1 and a slot interval of at least one minute.",
            ),
            models.CheckConstraint(
                name="deposit_within_price",
                condition=Q(deposit_minor__lte=F("price_minor")),
                violation_error_message="The deposit cannot be higher than the price.",
            ),
            models.CheckConstraint(
                name="paid_service_has_a_price",
                condition=Q(payment_mode="none")
                | Q(payment_mode="full", price_minor__gt=0)
                | Q(payment_mode="deposit", deposit_minor__gt=0),
                violation_error_message="For payment in full online enter a price, for payment by deposit a deposit.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Raise ValidationError if customers cannot pay online what the service asks for.

        A form excludes the fields whose input is invalid. Without ``exclude``, ``clean`` would check their old values.
        """
        super().clean_fields(exclude)
        if self.payment_mode != self.PaymentMode.NONE and not AMOUNT_FIELDS & {*(exclude or ())}:
            check_online_amount(self.due_online_minor, self.currency)

    @property
    def due_online_minor(self) -> int:
        """The amount that a customer pays online per person, in minor units."""
        amounts = {
            self.PaymentMode.NONE: 0,
            self.PaymentMode.DEPOSIT: self.deposit_minor,
            self.PaymentMode.FULL: self.price_minor,
        }
        return amounts[self.PaymentMode(self.payment_mode)]

    def ends_at(self, starts_at: datetime) -> datetime:
        return starts_at + timedelta(minutes=self.duration_minutes)

    def blocked(self, starts_at: datetime) -> tuple[datetime, datetime]:
        """Return the half-open interval in which a booking occupies its resources: the visit and its buffers."""
        return (
            starts_at - timedelta(minutes=self.buffer_before_minutes),
            self.ends_at(starts_at) + timedelta(minutes=self.buffer_after_minutes),
        )
