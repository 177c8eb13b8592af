"""Customers in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django_object_actions import DjangoObjectActions, action

from bookings.exceptions import ErasureRefused
from bookings.models import Customer
from bookings.operations import contact_errors, erase_customer, erasure_obstacles, update_customer
from foundation.email_addresses import validate_email_address
from foundation.http.search_admin import SearchAdmin
from foundation.http.staff_admin import StaffAdmin
from foundation.personal_data import export_personal_data
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
class CustomerAdmin(DjangoObjectActions, SearchAdmin, StaffAdmin):
    form = CustomerForm
    change_actions = ["export", "erase"]
    list_display = ["name", "phone", "email", "created_at"]
    search_help_text = "A name, phone number or e-mail address, or a part of it."

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        update_customer(customer=obj)
        warn_if_unreachable(request, contact_errors(obj))

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **options: Any) -> None:
        """Leave out the name, which Django's message has: the session would keep it until the next page."""
        super().message_user(request, "The customer was saved.", *args, **options)

    def get_urls(self) -> list[Any]:
        """Leave out the URL for buttons of the list: there are none, and it would call the others without a row."""
        return [each for each in super().get_urls() if not str(each.pattern).startswith("^actions/")]

    def get_change_actions(self, request: HttpRequest, object_id: str, form_url: str) -> list[str]:
        customer = self.get_object(request, object_id)
        is_erased = customer is None or customer.erased_at is not None
        return [
            name for name in self.change_actions if not is_erased and request.user.has_perm(f"bookings.{name}_customer")
        ]

    @action(label="Export data", methods=("POST",), button_type="form")
    def export(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        """Download everything that is stored about the customer, as JSON."""
        if not request.user.has_perm("bookings.export_customer"):
            raise PermissionDenied
        data = export_personal_data(customer)
        self.log_change(request, customer, "Exported the personal data.")
        attachment = {"Content-Disposition": 'attachment; filename="data.json"'}
        return JsonResponse(data, headers=attachment, json_dumps_params={"ensure_ascii": False, "indent": 2})

    @action(label="Erase data", methods=("GET", "POST"), button_type="a")
    def erase(self, request: HttpRequest, customer: Customer) -> HttpResponse:
        """Erase the customer's personal data, after a confirmation."""
        if not request.user.has_perm("bookings.erase_customer"):
            raise PermissionDenied
        obstacles = erasure_obstacles(customer)
        if request.method == "POST" and "confirmed" in request.POST:
            try:
                customer = erase_customer(customer_id=customer.pk)
            except ErasureRefused as refusal:
                obstacles = refusal.obstacles
            else:
                self.log_change(request, customer, "Erased the personal data.")
                messages.success(request, "The personal data is erased. The accounts are kept.")
                return redirect("admin:bookings_customer_change", customer.pk)
        title = f"Erase the personal data of {customer}"
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "obstacles": obstacles,
            "customer": customer,
        }
        return render(request, "admin/bookings/customer/erase.html", context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_erased = obj is not None and obj.erased_at is not None
        return not is_erased and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
