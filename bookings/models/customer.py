"""Customers."""

from __future__ import annotations

from typing import Self

from django.db import models


class Customer(models.Model):
    """A person with bookings. ``phone`` is in E.164; several customers may share a number."""

    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=16, db_index=True)
    email = models.EmailField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(name="one_row_per_customer", fields=["phone", "email", "name"])]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get_or_insert(cls, *, name: str, phone: str, email: str) -> Self:
        """Return the customer with this name, phone and e-mail, inserted if missing. A single statement does both."""
        (customer,) = cls.objects.bulk_create(
            [cls(name=name, phone=phone, email=email)],
            update_conflicts=True,
            unique_fields=["phone", "email", "name"],
            update_fields=["name"],
        )
        return customer
