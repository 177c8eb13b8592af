"""Erase a customer's personal data. The accounts stay: amounts, dates and references."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from bookings.exceptions import ErasureRefused
from bookings.models import Booking, Customer
from bookings.operations.customer_limits import lock_customer
from foundation.long_statements import lift_statement_timeout
from foundation.personal_data import erase_personal_data

LATE_ARRIVALS = timedelta(days=30)  # longer than the gateway and the providers repeat their reports
MAX_SECONDS = 10  # per day, for late arrivals

log = logging.getLogger(__name__)

ErasureCheck = Callable[[Customer], Iterable[str]]

_erasure_checks: list[ErasureCheck] = []


def add_erasure_check(check: ErasureCheck) -> None:
    """Register a function that returns why a customer cannot be erased yet. Call it in ``AppConfig.ready``."""
    _erasure_checks.append(check)


def erasure_obstacles(customer: Customer) -> list[str]:
    """Return why the customer cannot be erased yet, and what to do; empty if nothing prevents it."""
    open_bookings = Booking.objects.filter(customer=customer.pk, status__in=Booking.BLOCKING).order_by("starts_at")
    obstacles = [
        f"Booking {booking.reference} is {booking.get_status_display().lower()}. Complete or cancel it first."
        for booking in open_bookings
    ]
    return [*obstacles, *(obstacle for check in _erasure_checks for obstacle in check(customer))]


@transaction.atomic
def erase_customer(*, customer_id: int) -> Customer:
    """Erase the customer's personal data in every table, and return the customer; repeating it changes nothing.

    Raises ErasureRefused while a visit, payment, refund, dispute or message is open. A booking that arrives at the same
    moment waits, and then belongs to a new customer.
    """
    # The order in which reschedules, bookings and settlements lock: booking, contacts, customer, and then the rest.
    list(Booking.objects.filter(customer=customer_id).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    unlocked = Customer.objects.get(pk=customer_id)
    lock_customer({"phone": unlocked.phone, "email": unlocked.email})
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    if obstacles := erasure_obstacles(customer):
        raise ErasureRefused(obstacles)
    lift_statement_timeout()
    erase_personal_data(customer)
    customer.refresh_from_db()
    log.info("Erased the personal data of customer %s", customer_id)
    return customer


def erase_late_arrivals() -> int:
    """Erase what has arrived about erased customers since, such as a late webhook; return how many customers.

    The daily housekeeping runs it. It leaves time for the other purges, and in random order no customer waits for ever.
    A reply is not found: the number that it came from is no longer stored.
    """
    end = time.monotonic() + MAX_SECONDS
    erased_lately = Customer.objects.filter(erased_at__gt=Now() - LATE_ARRIVALS)
    count = 0
    for customer_id in erased_lately.order_by("?").values_list("pk", flat=True):
        if time.monotonic() > end:
            break
        with transaction.atomic():
            bookings = Booking.objects.filter(customer=customer_id).order_by("pk")
            list(bookings.select_for_update(no_key=True).values_list("pk"))
            lift_statement_timeout()
            erase_personal_data(Customer.objects.select_for_update().get(pk=customer_id))
        count += 1
    return count
