"""How what is known of a customer is put right."""

from __future__ import annotations

from django.db import transaction

from bookings import events
from bookings.models import Customer


@transaction.atomic
def update_customer(*, customer: Customer) -> None:
    """Save what was corrected of a customer; what they are still to be told goes to where they can be reached now."""
    customer.save()
    events.customer_updated.send(sender=Customer, customer=customer)
