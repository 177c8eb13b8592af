from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from bookings.models import Booking, Resource, Service
from bookings.phones import as_e164


class PhoneField(serializers.CharField):
    """A phone number as people write it; its value is E.164."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return as_e164(text)
        except ValidationError as error:
            raise serializers.ValidationError(error.message) from error


class CustomerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    phone = PhoneField(max_length=40)
    email = serializers.EmailField(max_length=254)


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    class Meta:
        model = Resource
        fields = ["id", "name", "kind"]


class ServiceSerializer(serializers.ModelSerializer[Service]):
    location = serializers.CharField(source="location.name")
    timezone = serializers.CharField(source="location.timezone")
    resources = ResourceSerializer(many=True)

    class Meta:
        model = Service
        fields = [
            "slug", "name", "description", "location", "timezone", "duration_minutes", "price_minor",
            "due_online_minor", "currency", "payment_mode", "requires_confirmation", "resources",
        ]  # fmt: skip


class BookingRequest(serializers.Serializer[Any]):
    service = serializers.SlugRelatedField(
        slug_field="slug", queryset=Service.objects.filter(is_active=True).select_related("location")
    )
    resource = serializers.PrimaryKeyRelatedField(
        queryset=Resource.objects.filter(is_active=True),
        pk_field=serializers.IntegerField(),  # the key's own int() would stumble over 1e400
        required=False,
        allow_null=True,
        default=None,
    )
    starts_at = serializers.DateTimeField(help_text="ISO 8601; without an offset it is read in the business's zone.")
    customer = CustomerSerializer()
    party_size = serializers.IntegerField(min_value=1, max_value=1, default=1)
    notes = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class BookingSerializer(serializers.ModelSerializer[Booking]):
    service = serializers.SlugRelatedField[Service](slug_field="slug", read_only=True)
    resource = ResourceSerializer()
    customer = CustomerSerializer()
    starts_at = serializers.SerializerMethodField()
    ends_at = serializers.SerializerMethodField()

    class Meta:
        model = Booking
        fields = [
            "id", "reference", "status", "service", "resource", "starts_at", "ends_at", "timezone", "customer",
            "party_size", "notes", "price_minor", "due_online_minor", "currency", "hold_expires_at", "version",
            "created_at",
        ]  # fmt: skip

    def get_starts_at(self, booking: Booking) -> str:
        return booking.starts_at.astimezone(booking.service.location.zone).isoformat()

    def get_ends_at(self, booking: Booking) -> str:
        return booking.ends_at.astimezone(booking.service.location.zone).isoformat()


class NewBookingSerializer(BookingSerializer):
    manage_token = serializers.CharField(help_text="Opens this booking as X-Booking-Token. Shown only now.")

    class Meta(BookingSerializer.Meta):
        fields = [*BookingSerializer.Meta.fields, "manage_token"]


def booking_answer(booking: Booking) -> dict[str, Any]:
    """Return what the API shows of a booking; it needs what ``Booking.objects.for_api()`` fetches."""
    return _shared_serializer().to_representation(booking)


@cache
def _shared_serializer() -> BookingSerializer:
    # Its fields are built once for the process: building them takes longer than filling them in.
    return BookingSerializer()
