"""Limits of bookings per customer: upcoming ones, open ones, unpaid holds, and several at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.callers import Caller
from bookings.exceptions import AlreadyBooked, TooManyOpenBookings, TooManyUpcomingBookings, UnpaidHoldExists
from bookings.models import Booking, BookingEvent, Customer, Service
from foundation.events import ActorKind
from foundation.rate_limits.rate_limit import HOUR, RateLimit


def lock_customer(customer: Mapping[str, str]) -> None:
    """Let one request per phone number and e-mail address run at a time, so that two cannot both pass the checks.

    Call it before resources are locked. The locks end with the transaction.
    """
    contacts = sorted({customer["phone"], customer["email"].lower()})  # a fixed order, so that two cannot deadlock
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(key)) FROM unnest(%s) AS keys (key) WHERE key <> ''", [contacts]
        )


def check_limits(service: Service, phone: str, caller: Caller, *, is_hold: bool) -> None:
    """Raise TooManyUpcomingBookings or UnpaidHoldExists if the phone number has reached a limit.

    Holds count per caller: otherwise a caller who names another person's number would keep that person from booking.
    An anonymous caller may also get TooManyOpenBookings.
    """
    if caller.is_anonymous:
        _check_open_bookings(phone, caller)
    upcoming = Booking.objects.active().filter(customer__phone=phone, starts_at__gt=Now())
    max_bookings = service.max_open_per_customer
    if max_bookings is not None and upcoming.filter(service=service).count() >= max_bookings:
        raise TooManyUpcomingBookings(max_bookings)
    if is_hold and (max_holds := settings.LIMIT_OPEN_HOLDS_PER_NUMBER):
        holds = upcoming.filter(status=Booking.Status.HELD, caller_hash__in=caller.hashes).order_by("hold_expires_at")
        if len(holds) >= max_holds:
            raise UnpaidHoldExists(holds[0])


def _check_open_bookings(phone: str, caller: Caller) -> None:
    """Raise TooManyOpenBookings if customers have made too many upcoming bookings for the phone number.

    Those of staff and service tokens do not count: a number with a long series must not be refused, nor seem known.
    """
    per_client, per_number = settings.LIMIT_OPEN_BOOKINGS_PER_CLIENT, settings.LIMIT_OPEN_BOOKINGS_PER_NUMBER
    if not per_client and not per_number:
        return
    by_customers = Booking.objects.active().filter(
        customer__phone=phone,
        starts_at__gt=Now(),
        events__kind=BookingEvent.Kind.CREATED,
        events__actor_kind=ActorKind.CUSTOMER,
    )
    hashes = list(by_customers.values_list("caller_hash", flat=True))
    by_client = sum(each in caller.hashes for each in hashes if each)
    if 0 < per_client <= by_client or 0 < per_number <= len(hashes):
        raise TooManyOpenBookings(RateLimit("open bookings", per_number, HOUR).seconds_until_reset())


def check_not_booked(
    customer: Mapping[str, str],
    starts_at: datetime,
    service: Service,
    caller_hashes: Iterable[str],
    current_booking: Booking | None = None,
) -> None:
    """Raise AlreadyBooked if the caller has booked for this person at the same time, apart from ``current_booking``.

    Other callers are not refused: the response would reveal that the person has a booking.
    """
    own = Booking.objects.active().filter(caller_hash__in=filter(None, caller_hashes))
    own = own.overlapping(starts_at, service.ends_at(starts_at))
    if current_booking is not None:
        own = own.exclude(pk=current_booking.pk)
    if own.filter(customer__in=Customer.objects.same_person(**customer)).exists():
        raise AlreadyBooked
