"""Customers in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from bookings.models import Customer
from bookings.operations import contact_errors, update_customer
from foundation.email_addresses import validate_email_address
from foundation.http.search_admin import SearchAdmin
from foundation.http.staff_admin import StaffAdmin
from foundation.phone_numbers import normalize_phone_number


def warn_if_unreachable(request: HttpRequest, errors: dict[str, str]) -> None:
    """Warn staff that no message reaches the customer, and say why."""
    for error in errors.values():
        messages.warning(request, f"The customer gets no messages. {error}")


class CustomerForm(forms.ModelForm):
    def clean_phone(self) -> str:
        return normalize_phone_number(self.cleaned_data["phone"])

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email and "email" in self.changed_data:  # an address from before this rule does not prevent other changes
            validate_email_address(email)
        return email


@admin.register(Customer)
class CustomerAdmin(SearchAdmin, StaffAdmin):
    form = CustomerForm
    list_display = ["name", "phone", "email", "created_at"]
    search_help_text = "A name, phone number or e-mail address, or a part of it."

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        update_customer(customer=obj)
        warn_if_unreachable(request, contact_errors(obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
