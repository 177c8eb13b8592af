"""Opt-outs survive the erasure of their customer: as keyed hashes, until the address is used again."""

from __future__ import annotations

from django.db.models import QuerySet

from bookings.models import Customer
from notifications.channels import CHANNELS
from notifications.models import ErasedOptOut, Suppression, hash_address
from notifications.operations.suppressions import suppress

SOURCE = "Opted out before the customer's data was erased"
Reason = Suppression.Reason


def replace_by_hashes(suppressions: QuerySet[Suppression]) -> None:
    """Replace these opt-outs by hashes, and delete the suppressions. An address that another customer has stays."""
    addresses = [row.address for row in suppressions]
    in_use = {
        *Customer.objects.filter(phone__in=addresses).values_list("phone", flat=True),
        *Customer.objects.filter(email__in=addresses).values_list("email", flat=True),
    }
    unused = suppressions.exclude(address__in=in_use)
    opted_out = unused.filter(reason=Reason.OPTED_OUT)
    hashes = [ErasedOptOut(channel=row.channel, address_hash=hash_address(row.address)) for row in opted_out]
    ErasedOptOut.objects.bulk_create(hashes, ignore_conflicts=True)
    unused.delete()


def restore_opt_outs(customer: Customer) -> None:
    """Suppress the customer's addresses again where their owner opted out before an erasure."""
    if not ErasedOptOut.objects.exists():  # the usual case: one query per booking
        return
    for channel, spec in CHANNELS.items():
        address = spec.address_of(customer)
        if address and ErasedOptOut.objects.of_address(channel, address).exists():
            suppress(channel=channel, address=address, reason=Reason.OPTED_OUT, source=SOURCE)
