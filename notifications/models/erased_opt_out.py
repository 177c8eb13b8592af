"""Opt-outs whose address was erased."""

from __future__ import annotations

import hmac
import secrets

from django.db import models

from notifications.models.channel import Channel


class OptOutKey(models.Model):
    """The key of the hashes, in the only row. It is random, is in every backup, and does not depend on SECRET_KEY."""

    key = models.CharField(max_length=64)

    def __str__(self) -> str:
        return "Key of the erased opt-outs"


class ErasedOptOutQuerySet(models.QuerySet["ErasedOptOut"]):
    def of_address(self, channel: Channel, address: str) -> ErasedOptOutQuerySet:
        """Return the opt-out of this address, if it was erased."""
        return self.filter(channel=channel, address_hash=hash_address(address)) if self.exists() else self.none()


class ErasedOptOut(models.Model):
    """An opt-out that outlives the erasure of its customer: a keyed hash of the address, to recognise it by."""

    channel = models.CharField(max_length=10, choices=Channel.choices)
    address_hash = models.CharField(max_length=64)

    objects = ErasedOptOutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_erased_opt_out_per_address",
                fields=["channel", "address_hash"],
                violation_error_message="This opt-out is already recorded.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.address_hash[:8]} ({self.get_channel_display()})"


def hash_address(address: str) -> str:
    """Return a hash of the address, in hex. The first call creates the key."""
    row, _ = OptOutKey.objects.get_or_create(pk=1, defaults={"key": secrets.token_hex(32)})
    return hmac.digest(bytes.fromhex(row.key), address.encode(), "sha256").hex()
