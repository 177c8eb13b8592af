"""Update customers."""

from __future__ import annotations

from django.db import transaction

from bookings import events
from bookings.models import Customer


@transaction.atomic
def update_customer(*, customer: Customer) -> None:
    """Save changed contact details. Messages that are still queued go to the new address."""
    customer.save()
    events.customer_updated.send(sender=Customer, customer=customer)
