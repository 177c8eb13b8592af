"""Networks from which accounts signed in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Now

from foundation.keyed_hash import keyed_hash, keyed_hashes

PURPOSE = "sign-in network"


def network_hash(network: str) -> str:
    """Return what the database and the log store instead of a client network."""
    return keyed_hash(PURPOSE, network)


class KnownNetwork(models.Model):
    """A client network from which ``user`` signed in: guesses from other networks never lock it out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    network_hash = models.CharField(max_length=64)
    last_used_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                name="one_row_per_known_network",
                fields=["user", "network_hash"],
                violation_error_message="This network of the account is already known.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.network_hash[:12]} of {self.user_id}"

    @classmethod
    def is_known(cls, username: str, network: str) -> bool:
        """Return whether the account signed in from this network."""
        hashes = keyed_hashes(PURPOSE, network)
        return cls.objects.filter(user__username=username, network_hash__in=hashes).exists()

    @classmethod
    def record(cls, user: User, network: str) -> None:
        """Record a sign-in of ``user`` from ``network``."""
        KnownNetwork.objects.bulk_create(
            [KnownNetwork(user=user, network_hash=network_hash(network), last_used_at=Now())],
            update_conflicts=True,
            update_fields=["last_used_at"],
            unique_fields=["user", "network_hash"],
        )
