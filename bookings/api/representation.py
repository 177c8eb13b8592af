"""How the API represents a booking. Other apps embed these serializers."""

from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from django.db.models import DateTimeField
from rest_framework import serializers

from bookings.api.serializers import CustomerSerializer, ResourceSerializer
from bookings.models import Booking, Service
from bookings.operations import NewBooking


class LocalTimeField(serializers.DateTimeField):
    """A time of a booking, in the local time of its location."""

    def get_attribute(self, booking: Booking) -> datetime | None:
        at: datetime | None = super().get_attribute(booking)
        return at and at.astimezone(booking.zone)

    def enforce_timezone(self, value: datetime) -> datetime:
        return value  # DRF would convert it to TIME_ZONE


class BookingSerializer(serializers.ModelSerializer[Booking]):
    serializer_field_mapping = {**serializers.ModelSerializer.serializer_field_mapping, DateTimeField: LocalTimeField}
    service = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True)
    resource = ResourceSerializer()
    customer = CustomerSerializer()
    cancel_until = LocalTimeField(
        help_text="Until when the customer can cancel. In the past if the customer rescheduled too late to cancel."
    )
    reschedule_until = LocalTimeField(help_text="Until when the customer can reschedule.")

    class Meta:
        model = Booking
        fields = [
            "id",
            "reference",
            "status",
            "service",
            "resource",
            "starts_at",
            "ends_at",
            "timezone",
            "customer",
            "party_size",
            "notes",
            "price_minor",
            "due_online_minor",
            "currency",
            "hold_expires_at",
            "answer_by",
            "is_late_cancellation",
            "cancel_cutoff_minutes",
            "reschedule_cutoff_minutes",
            "cancel_until",
            "reschedule_until",
            "version",
            "created_at",
        ]
        extra_kwargs: ClassVar = {
            "reference": {"help_text": "A short name of the booking for people, such as BK-7KMPX3H."},
            "service": {"help_text": "The slug of the service."},
            "starts_at": {"help_text": "In the local time of the location."},
            "timezone": {"help_text": "The location's time zone, such as Asia/Kolkata."},
            "price_minor": {"help_text": "In minor units of the currency. It does not change after booking."},
            "due_online_minor": {"help_text": "How much of the price is paid online; 0 if all is paid at the desk."},
            "currency": {"help_text": "A three-letter code of ISO 4217."},
            "hold_expires_at": {"help_text": "While the booking is held: pay before this time."},
            "answer_by": {
                "help_text": "While the booking is pending: it expires unless staff decide before this time."
            },
            "is_late_cancellation": {"help_text": "Whether it was cancelled after `cancel_until`."},
            "cancel_cutoff_minutes": {"help_text": "The service's rule when the booking was made. See `cancel_until`."},
            "reschedule_cutoff_minutes": {"help_text": "As `cancel_cutoff_minutes`, for `reschedule_until`."},
            "version": {"help_text": "Increases with each reschedule."},
        }


class NewBookingSerializer(BookingSerializer):
    manage_token = serializers.CharField(
        help_text="Send it as X-Booking-Token to access this booking. Shown only once."
    )

    class Meta(BookingSerializer.Meta):
        fields = [*BookingSerializer.Meta.fields, "manage_token"]


def represent_booking(booking: Booking) -> dict[str, Any]:
    """Return the API's representation of a booking. It needs what ``Booking.objects.for_api()`` loads."""
    return _shared_serializer().to_representation(booking)


def represent_new_booking(new_booking: NewBooking) -> dict[str, object]:
    """Return the representation of a new booking, the only one that includes its manage token."""
    return {**represent_booking(new_booking.booking), "manage_token": new_booking.manage_token}


@cache
def _shared_serializer() -> BookingSerializer:
    # Building the fields takes longer than using them, so the process builds them once.
    return BookingSerializer()
