"""Who performed a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models


class ActorKind(models.TextChoices):
    CUSTOMER = "customer"
    STAFF = "staff"
    INTEGRATION = "integration"
    SYSTEM = "system"
    GATEWAY = "gateway"


# A program with a service token acts on behalf of customers, under the same rules.
CUSTOMER_KINDS = (ActorKind.CUSTOMER, ActorKind.INTEGRATION)


@dataclass(frozen=True)
class Actor:
    """Who performed a change: ``Actor(ActorKind.STAFF, "asha")``. ``str(actor)`` is for display; branch on ``kind``."""

    kind: ActorKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".strip()

    @classmethod
    def from_user(cls, user: Any) -> Actor:
        """Return the signed-in staff member as an actor."""
        return cls(ActorKind.STAFF, user.get_username())

    @property
    def is_customer(self) -> bool:
        """Return whether the rules for customers apply: notice, horizon and the cutoffs for changes."""
        return self.kind in CUSTOMER_KINDS
