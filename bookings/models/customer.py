"""Customers."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from bookings.models.search import CUSTOMER_TEXT, MAX_MATCHES, Trigrams, contains_text
from foundation.text_fields import NameField


class CustomerQuerySet(models.QuerySet["Customer"]):
    def same_person(self, *, name: Any, phone: Any, email: Any) -> CustomerQuerySet:
        """Return the customers with this name and this phone number or e-mail address; case does not matter."""
        same_phone = Q(phone=phone) & ~Q(phone="")
        same_email = Q(email__iexact=email) & ~Q(email="")
        return self.filter(same_phone | same_email, name__iexact=name)

    def matching(self, text: str) -> CustomerQuerySet:
        """Return the customers whose name, phone number or e-mail address matches ``text``: the newest MAX_MATCHES."""
        searched = Customer.objects.alias(search_text=CUSTOMER_TEXT, trigrams=Trigrams(CUSTOMER_TEXT))
        matches = searched.filter(contains_text(text, with_trigrams=True)).order_by("-pk")
        return self.filter(pk__in=matches.values("pk")[:MAX_MATCHES])


class Customer(models.Model):
    """A person with bookings. ``phone`` is in E.164; several customers may share a number.

    ``email`` is empty for visitors who gave none at the desk. Then the name and the phone number identify the person.
    """

    name = NameField(max_length=120)
    phone = models.CharField(max_length=16, db_index=True)
    email = models.EmailField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, editable=False, help_text="When the personal data was erased.")

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        permissions = [
            ("export_customer", "Can export the personal data of customers"),
            ("erase_customer", "Can erase the personal data of customers"),
        ]
        indexes = [
            models.Index(Upper("email"), name="customer_by_email"),
            # A short pending list: a booking must not wait until thousands of customers are merged into the index.
            GinIndex(Trigrams(CUSTOMER_TEXT), name="customer_search", fastupdate=True, gin_pending_list_limit=256),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_row_per_customer",
                fields=["phone", "email", "name"],
                violation_error_message="Another customer has the same name, phone number and e-mail address.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get_or_insert(cls, *, name: str, phone: str, email: str) -> Customer:
        """Return the customer with this name, phone and e-mail, inserted if missing. A single statement does both."""
        (customer,) = cls.objects.bulk_create(
            [cls(name=name, phone=phone, email=email)],
            update_conflicts=True,
            unique_fields=["phone", "email", "name"],
            update_fields=["name"],
        )
        return customer
