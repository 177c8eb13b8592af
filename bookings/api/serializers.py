"""Serializers of the catalogue, availability and booking input."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.timezone import is_naive
from rest_framework import serializers

from bookings.models import Booking, Customer, Location, Resource, Service
from bookings.operations import contact_errors
from foundation.email_addresses import validate_email_address
from foundation.phone_numbers import normalize_phone_number
from foundation.text_fields import NameSerializerField, TextSerializerField
from foundation.timezones import local_to_utc


class PhoneField(serializers.CharField):
    """A phone number in any common format, normalised to E.164."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return normalize_phone_number(text)
        except ValidationError as error:
            raise serializers.ValidationError(error.message) from error


class EmailAddressField(serializers.EmailField):
    """An e-mail address that every mail server can handle."""

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        try:
            validate_email_address(text)
        except ValidationError as error:
            raise serializers.ValidationError(error.message) from error
        return text


class NullableEmailField(serializers.EmailField):
    """Represents a missing address as null: an empty string is not a valid address for clients that check it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]
        return value or None


NO_RESOURCE_ID = "Send the id of a resource, a whole number. GET /services/ lists those of each service."
EMAIL_REQUIRED = "Enter an email address. Only staff can book without one."


class CustomerInputSerializer(serializers.Serializer[Any]):
    """The person to book for. ``is_staff`` in the context: staff book, also for visitors without an e-mail address."""

    default_error_messages: ClassVar = {"invalid": "Send an object with the members name, phone and email."}
    name = NameSerializerField(max_length=120)
    phone = PhoneField(max_length=40)
    email = EmailAddressField(
        max_length=254,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="Required, except for bookings that staff make at the desk.",
        error_messages=dict.fromkeys(("required", "blank", "null"), EMAIL_REQUIRED),
    )

    def to_internal_value(self, data: Any) -> Any:
        # The field itself refuses a missing address, so that the error appears together with those of other fields.
        is_optional = bool(self.context.get("is_staff"))
        for name, value in (("required", not is_optional), ("allow_blank", is_optional), ("allow_null", is_optional)):
            setattr(self.fields["email"], name, value)
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        attrs["email"] = attrs.get("email") or ""
        if self.context.get("is_staff"):  # they may book for a visitor at the desk whom no message reaches
            return attrs
        if errors := contact_errors(Customer(**attrs)):
            raise serializers.ValidationError(errors, code="unreachable")
        return attrs


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    email = NullableEmailField(help_text="Null if the customer has none.")

    class Meta:
        model = Customer
        fields = ["name", "phone", "email"]


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    class Meta:
        model = Resource
        fields = ["id", "name", "kind"]


class ServiceSerializer(serializers.ModelSerializer[Service]):
    location = serializers.CharField(source="location.name")
    timezone = serializers.CharField(source="location.timezone")
    category = serializers.CharField(source="category.name", default=None, allow_null=True)
    resources = ResourceSerializer(many=True)

    class Meta:
        model = Service
        fields = [
            "slug",
            "name",
            "category",
            "description",
            "location",
            "timezone",
            "duration_minutes",
            "slot_interval_minutes",
            "capacity",
            "price_minor",
            "due_online_minor",
            "currency",
            "payment_mode",
            "requires_confirmation",
            "reconfirms_reschedules",
            "min_notice_minutes",
            "horizon_days",
            "cancel_cutoff_minutes",
            "reschedule_cutoff_minutes",
            "resources",
        ]
        extra_kwargs: ClassVar = {
            "slug": {"help_text": "Identifies the service in paths and requests."},
            "price_minor": {"help_text": "In minor units of the currency."},
            "due_online_minor": {"help_text": "How much of the price is paid online. 0: use `POST /bookings/`."},
            "currency": {"help_text": "A three-letter code of ISO 4217."},
            "payment_mode": {"help_text": "How the service is paid."},
        }


class StartField(serializers.DateTimeField):
    """A time, in UTC. One without an offset stays naive until the serializer knows the location: see ``to_utc``."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "help_text",
            "ISO 8601. A time without an offset is in the location's time zone. If it occurs twice there, because DST "
            "ends, it is the first one; if it does not exist, because DST begins, it is refused.",
        )
        super().__init__(**options)

    def enforce_timezone(self, value: datetime) -> datetime:
        try:
            return value if is_naive(value) else value.astimezone(UTC)
        except OverflowError:  # beyond the dates that Python can represent
            self.fail("overflow")

    @staticmethod
    def to_utc(value: datetime, zone: ZoneInfo, *, field: str = "starts_at") -> datetime:
        """Read a naive value in ``zone``. Raises ValidationError for ``field`` if there is no such time."""
        if not is_naive(value):
            return value
        try:
            return local_to_utc(value, zone)
        except ValidationError as error:
            raise serializers.ValidationError({field: error.message}) from error


class ServiceField(serializers.SlugRelatedField[Service]):
    """A service by its slug."""

    default_error_messages: ClassVar = {
        "does_not_exist": 'There is no service "{value}". GET /services/ lists them.',
        "invalid": "Send the slug of a service. GET /services/ lists them.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="slug", **options)

    def to_internal_value(self, data: Any) -> Service:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ResourceIdField(serializers.PrimaryKeyRelatedField[Resource]):
    """A resource by its id."""

    default_error_messages: ClassVar = {
        "does_not_exist": "There is no resource {pk_value}. GET /services/ lists those of each service.",
        "incorrect_type": NO_RESOURCE_ID,
    }

    def __init__(self, **options: Any) -> None:
        # Without pk_field, int() raises OverflowError for 1e400.
        errors: dict[str, Any] = dict.fromkeys(("invalid", "max_string_length"), NO_RESOURCE_ID)
        super().__init__(pk_field=serializers.IntegerField(error_messages=errors), **options)


class ResourceField(ResourceIdField):
    """The requested resource. Without one, any free resource is booked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=Resource.objects.filter(is_active=True), required=False, default=None, **options)


class BookingInputSerializer(serializers.Serializer[Any]):
    service = ServiceField(queryset=Service.objects.filter(is_active=True).select_related("location"))
    resource = ResourceField(allow_null=True)
    starts_at = StartField()
    customer = CustomerInputSerializer()
    party_size = serializers.IntegerField(min_value=1, max_value=1000, default=1)
    notes = TextSerializerField(max_length=1000, required=False, allow_blank=True, default="")
    allow_overlap = serializers.BooleanField(
        default=False,
        help_text="Staff only: book although you have already booked for this customer at the same time.",
    )

    def validate_allow_overlap(self, value: bool) -> bool:
        if value and not self.context.get("is_staff"):
            raise serializers.ValidationError("Only staff may book a customer twice at the same time. Leave it out.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "starts_at": StartField.to_utc(attrs["starts_at"], attrs["service"].location.zone)}


class RescheduleInputSerializer(serializers.Serializer[Any]):
    # For a time without an offset, context["zone"]() returns the zone of the booking's location.
    starts_at = StartField()
    resource = ResourceField(allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if is_naive(attrs["starts_at"]):
            attrs["starts_at"] = StartField.to_utc(attrs["starts_at"], self.context["zone"]())
        return attrs


class AvailabilityQuerySerializer(serializers.Serializer[Any]):
    """A range of dates in the location's time zone, inclusive."""

    MAX_DAYS = 62

    # "from" is a Python keyword, so it cannot be a class attribute.
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": serializers.DateField(help_text="First day, as YYYY-MM-DD."),
            "to": serializers.DateField(required=False, help_text="Last day. Defaults to the first day."),
            "resource": ResourceField(help_text="Only slots with this resource."),
            "party_size": serializers.IntegerField(
                min_value=1,
                max_value=1000,
                required=False,
                help_text="Number of people. Defaults to 1, or to that of the booking.",
            ),
            "booking": serializers.UUIDField(
                required=False,
                help_text="A booking to reschedule: what it occupies counts as free. Send its manage token as "
                "X-Booking-Token, or sign in as staff.",
            ),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first, last = attrs["from"], attrs.setdefault("to", attrs["from"])
        if last < first:
            raise serializers.ValidationError({"to": "The last day is before the first one. Swap them."})
        if (last - first).days >= self.MAX_DAYS:
            raise serializers.ValidationError({"to": f"Request at most {self.MAX_DAYS} days at a time."})
        return attrs


class BookingQuerySerializer(serializers.Serializer[Any]):
    """Filters for the booking list. Each field's ``source`` is the ORM lookup that it applies."""

    status = serializers.ChoiceField(choices=Booking.Status.choices, required=False)
    reference = serializers.CharField(max_length=12, required=False)
    service = ServiceField(queryset=Service.objects.all(), required=False)
    resource = ResourceIdField(queryset=Resource.objects.all(), required=False)
    starts_from = StartField(source="starts_at__gte", required=False)
    starts_before = StartField(source="starts_at__lt", required=False)
    phone = PhoneField(
        source="customer__phone", max_length=40, required=False, help_text="The customer's phone number."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("starts_from", "starts_before"):
            source = str(self.fields[name].source)
            if source in attrs and is_naive(attrs[source]):
                attrs[source] = StartField.to_utc(attrs[source], _zone_of(attrs.get("service"), name), field=name)
        return attrs


def _zone_of(service: Service | None, field: str) -> ZoneInfo:
    """Return the zone of the service's location, or the only one there is. Raises ValidationError for ``field``."""
    if service is not None:
        return service.location.zone
    zones = Location.objects.values_list("timezone", flat=True).distinct().order_by()[:2]
    if len(zones) > 1:
        text = "The locations have several time zones. Add an offset to the time, or filter by service."
        raise serializers.ValidationError({field: text})
    return ZoneInfo(zones[0] if zones else settings.TIME_ZONE)


class FreeSlotSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    resources = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of the resources that can be booked for this slot."
    )
    places = serializers.IntegerField(help_text="Remaining places in this slot.")


class AvailabilitySerializer(serializers.Serializer[Any]):
    service = serializers.SlugField()
    timezone = serializers.CharField()
    slots = FreeSlotSerializer(many=True)
