"""The personal data in the models of bookings, and in the admin's log about customers."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce, Concat, Now

from bookings.models import (
    Allocation,
    Booking,
    BookingEvent,
    Category,
    Customer,
    IdempotencyKey,
    Location,
    Resource,
    ScheduleException,
    Service,
    Session,
    WorkingHours,
)
from foundation.personal_data import Declaration, Retention

GONE = 410  # the status of a stored response that was erased


def customer_rows(customer: Customer) -> QuerySet[Customer]:
    return Customer.objects.filter(pk=customer.pk)


def bookings_of(customer: Customer) -> QuerySet[Booking]:
    return Booking.objects.filter(customer=customer.pk)


def events_of(customer: Customer) -> QuerySet[BookingEvent]:
    return BookingEvent.objects.filter(booking__customer=customer.pk)


def stored_responses_of(customer: Customer) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(booking__customer=customer.pk)


def log_entries_of(customer: Customer) -> QuerySet[LogEntry]:
    about_customers = LogEntry.objects.filter(content_type__app_label="bookings", content_type__model="customer")
    entries = about_customers.filter(object_id=str(customer.pk))
    return entries.filter(action_time__lt=customer.erased_at) if customer.erased_at else entries


PERSONAL_DATA = [
    Declaration(
        Customer,
        title="customer",
        rows=customer_rows,
        # The name stays unique: it is part of the key, together with the contacts, which become empty.
        replaced={"name": Concat(Value("Erased customer "), "pk")},
        blanked=["phone", "email"],
        hidden={"erased_at": Coalesce("erased_at", Now())},
        accounts=["created_at"],
        other=["id"],
    ),
    Declaration(
        Booking,
        title="bookings",
        rows=bookings_of,
        blanked=["notes"],
        hidden={"manage_token_hash": "", "caller_hash": ""},
        accounts=[
            "reference",
            "service",
            "resource",
            "requested_resource",
            "status",
            "starts_at",
            "ends_at",
            "timezone",
            "party_size",
            "price_minor",
            "due_online_minor",
            "currency",
            "is_late_cancellation",
            "created_at",
        ],
        other=[
            "id",
            "session",
            "customer",
            "hold_expires_at",
            "answer_by",
            "cancel_cutoff_minutes",
            "reschedule_cutoff_minutes",
            "late_since",
            "rescheduled_by_staff_at",
            "service_token",
            "version",
            "updated_at",
        ],
    ),
    Declaration(
        BookingEvent,
        title="changes of bookings",
        rows=events_of,
        accounts=["booking", "kind", "from_status", "to_status", "actor_kind", "at"],
        other=["id", "seq", "actor"],
    ),
    Declaration(
        IdempotencyKey,
        title="stored responses",
        rows=stored_responses_of,
        retention=Retention("RETENTION_IDEMPOTENCY_KEYS_DAYS", since="created_at"),
        # Its hashes stay until it is purged: by them a replay is recognised, and refused.
        replaced={"body": ""},
        hidden={"status": Coalesce(F("status"), Value(GONE))},
        accounts=["created_at"],
        other=["id", "scope", "key_hash", "fingerprint", "secret", "booking", "locked_until"],
    ),
    Declaration(
        LogEntry,
        title="changes by staff",
        rows=log_entries_of,
        masked=["object_repr"],
        blanked=["change_message"],
        accounts=["action_time"],
        other=["id", "user", "content_type", "object_id", "action_flag"],
    ),
    Declaration(Allocation, other=["id", "booking", "session", "resource", "blocked", "is_active"]),
    Declaration(Category, other=["id", "name"]),
    Declaration(Location, other=["id", "name", "address", "timezone"]),
    Declaration(Resource, other=["id", "name", "kind", "is_active", "locations", "services"]),
    Declaration(ScheduleException, other=["id", "location", "resource", "starts_at", "ends_at", "is_open", "reason"]),
    Declaration(Session, other=["id", "service", "resource", "starts_at", "ends_at", "booked"]),
    Declaration(WorkingHours, other=["id", "resource", "location", "weekday", "opens_at", "closes_at"]),
    Declaration(
        Service,
        other=[
            "id",
            "location",
            "category",
            "name",
            "slug",
            "description",
            "duration_minutes",
            "buffer_before_minutes",
            "buffer_after_minutes",
            "min_notice_minutes",
            "horizon_days",
            "slot_interval_minutes",
            "capacity",
            "resource_order",
            "max_open_per_customer",
            "cancel_cutoff_minutes",
            "reschedule_cutoff_minutes",
            "answer_minutes",
            "reminder_minutes",
            "hold_minutes",
            "price_minor",
            "deposit_minor",
            "currency",
            "payment_mode",
            "requires_confirmation",
            "reconfirms_reschedules",
            "is_active",
        ],
    ),
]
