"""Update customers, and check whether they can be reached."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from bookings import events
from bookings.models import Customer

ContactCheck = Callable[[Customer], dict[str, str]]

_contact_checks: list[ContactCheck] = []


def add_contact_check(check: ContactCheck) -> None:
    """Register a function that returns why a customer cannot be reached, by field. Call it in ``AppConfig.ready``."""
    _contact_checks.append(check)


def contact_errors(customer: Customer) -> dict[str, str]:
    """Return why no message reaches this customer, who may be unsaved, and what to do, by field; empty if one may.

    Customers cannot book online then. Staff may book all the same, for a visitor at the desk.
    """
    return {field: error for check in _contact_checks for field, error in check(customer).items()}


@transaction.atomic
def update_customer(*, customer: Customer) -> None:
    """Save changed contact details. Messages that are not sent yet go to the new address."""
    customer.save()
    events.customer_updated.send(sender=Customer, customer=customer)
