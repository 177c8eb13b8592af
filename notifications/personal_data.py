"""The personal data in the models of notifications, and in the counters of messages to an address."""

from __future__ import annotations

from django.db.models import F, Func, Q, QuerySet, Value

from bookings.models import Customer
from foundation.models import RateLimitCounter
from foundation.personal_data import Declaration, Retention
from notifications.models import (
    Attempt,
    ChannelState,
    ErasedOptOut,
    InboundMessage,
    Lane,
    Notification,
    OffPeriod,
    OptOutKey,
    Receipt,
    ReminderSettings,
    Suppression,
)
from notifications.operations.opt_outs import replace_by_hashes
from notifications.providers.twilio.inbound import whatsapp_forms

# A key consists of the cause, the channel and the address; the cause is needed, and the id keeps it unique.
CAUSE_AND_ID = Func(Value(r"\1"), F("id"), function="concat")
DEDUPE_KEY_WITHOUT_ADDRESS = Func(
    F("dedupe_key"), Value(r"^([^:]*:[^:]*:).*$"), CAUSE_AND_ID, function="regexp_replace"
)
HAS_SETTLED_TEXT = ~Q(body="") & ~Q(status__in=Notification.UNSETTLED)


def addresses_of(customer: Customer) -> set[str]:
    """Return the addresses at which the customer is or was reached, each also in the form that WhatsApp shows.

    A former address that another customer has is left out: it was wrong, or changed hands.
    """
    current = {customer.phone, customer.email}
    tried = Attempt.objects.filter(notification__booking__customer=customer.pk).values_list("address", flat=True)
    queued = Notification.objects.filter(booking__customer=customer.pk).values_list("address", flat=True)
    former = {*tried, *queued} - current
    others = Customer.objects.exclude(pk=customer.pk).filter(Q(phone__in=former) | Q(email__in=former))
    of_others = {address for contacts in others.values_list("phone", "email") for address in contacts}
    return {form for address in (current | former - of_others) - {""} for form in whatsapp_forms(address)}


def messages_of(customer: Customer) -> QuerySet[Notification]:
    return Notification.objects.filter(booking__customer=customer.pk)


def attempts_of(customer: Customer) -> QuerySet[Attempt]:
    return Attempt.objects.filter(notification__booking__customer=customer.pk)


def receipts_of(customer: Customer) -> QuerySet[Receipt]:
    return Receipt.objects.filter(notification__booking__customer=customer.pk)


def inbound_messages_of(customer: Customer) -> QuerySet[InboundMessage]:
    return InboundMessage.objects.filter(address__in=addresses_of(customer))


def suppressions_of(customer: Customer) -> QuerySet[Suppression]:
    return Suppression.objects.filter(address__in=addresses_of(customer))


def counters_of(customer: Customer) -> QuerySet[RateLimitCounter]:
    names_an_address = Q(pk__in=[])
    for address in addresses_of(customer):
        names_an_address |= Q(key__icontains=address)
    return RateLimitCounter.objects.filter(names_an_address)


PERSONAL_DATA = [
    # The order in which apply_receipts and record_outcomes lock these rows.
    Declaration(
        Receipt,
        title="delivery receipts",
        rows=receipts_of,
        retention=Retention("RETENTION_RECEIPTS_DAYS", since="received_at", condition=Q(applied_at__isnull=False)),
        accounts=["provider_status", "error_code", "received_at"],
        blanked=["fields"],
        other=["id", "notification", "attempt_id", "provider_id", "applied_at"],
    ),
    Declaration(
        Notification,
        title="messages",
        rows=messages_of,
        retention=Retention(
            "RETENTION_MESSAGE_TEXTS_DAYS", since="created_at", blanks=["subject", "body"], condition=HAS_SETTLED_TEXT
        ),
        accounts=["booking", "kind", "channel", "status", "planned_at", "created_at", "accepted_at", "delivered_at"],
        blanked=["address", "subject", "body", "error"],
        hidden={"dedupe_key": DEDUPE_KEY_WITHOUT_ADDRESS},
        other=[
            "id",
            "event",
            "due_at",
            "expires_at",
            "attempts",
            "channel_fault_at",
            "channel_faults",
            "lease_until",
            "lease_token",
            "provider_id",
            "error_code",
            "unknown_since",
            "looks",
            "superseded_at",
            "resend_of",
            "resent_by",
        ],
    ),
    Declaration(
        Attempt,
        title="attempts to send messages",
        rows=attempts_of,
        accounts=["number", "started_at", "ended_at", "outcome"],
        blanked=["address", "detail"],
        other=["id", "notification", "worker", "phase", "http_status", "error_code"],
    ),
    Declaration(
        InboundMessage,
        title="inbound messages",
        rows=inbound_messages_of,
        retention=Retention("RETENTION_INBOUND_MESSAGES_DAYS", since="received_at"),
        accounts=["channel", "opt_out", "received_at"],
        blanked=["address", "body", "fields"],
        other=["id", "provider_id"],
    ),
    Declaration(
        Suppression,
        title="addresses without messages",
        rows=suppressions_of,
        erase=replace_by_hashes,
        accounts=["channel", "reason", "created_at"],
        blanked=["address", "source"],
        other=["id"],
    ),
    Declaration(
        RateLimitCounter,
        rows=counters_of,
        retention=Retention("RETENTION_COUNTERS_DAYS", since="since"),
        erase=lambda counters: counters.delete(),
        hidden={"key": ""},
        other=["id", "limit", "since", "count"],
    ),
    Declaration(
        ChannelState,
        other=[
            "channel",
            "limit",
            "slowed_at",
            "failures",
            "failed_at",
            "recovered_at",
            "paused_since",
            "paused_until",
            "pause_cause",
            "pause_reason",
        ],
    ),
    Declaration(ErasedOptOut, other=["id", "channel", "address_hash"]),
    Declaration(Lane, other=["number", "beat_at", "kicked_at", "worker"]),
    Declaration(OffPeriod, other=["id", "channel", "reason", "since", "until"]),
    Declaration(OptOutKey, other=["id", "key"]),
    Declaration(ReminderSettings, other=["service", "minutes", "revision", "replan_at", "last_booking"]),
]
