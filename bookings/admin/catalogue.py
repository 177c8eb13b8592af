"""What can be booked, with whom, and when: the managers' part."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from bookings.models import Category, Customer, Location, Resource, ScheduleException, Service, WorkingHours
from bookings.money import as_money
from bookings.phones import as_e164


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "location", "is_active"]
    list_filter = ["kind", "location", "is_active"]
    filter_horizontal = ["services"]
    inlines = [WorkingHoursInline]


class ServiceResourceInline(admin.TabularInline):
    model = Resource.services.through
    extra = 0
    verbose_name = "resource that offers it"
    verbose_name_plural = "resources that offer it"


@admin.register(Service)
class ServiceAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "location",
        "duration_minutes",
        "price",
        "payment_mode",
        "requires_confirmation",
        "is_active",
    ]
    list_filter = ["location", "payment_mode", "is_active"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ServiceResourceInline]

    @admin.display(ordering="price_minor")
    def price(self, service: Service) -> str:
        return as_money(service.price_minor, service.currency)


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    list_display = ["name", "address", "timezone"]


class CustomerForm(forms.ModelForm):
    def clean_phone(self) -> str:
        return as_e164(self.cleaned_data["phone"])


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    form = CustomerForm
    list_display = ["name", "phone", "email", "created_at"]
    search_fields = ["name", "phone", "email"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name"]


@admin.register(ScheduleException)
class ScheduleExceptionAdmin(admin.ModelAdmin):
    list_display = ["starts_at", "ends_at", "location", "who", "is_open", "reason"]
    list_filter = ["location", "is_open", "starts_at"]
    list_select_related = ["location", "resource"]

    @admin.display(description="for")
    def who(self, exception: ScheduleException) -> str:
        return str(exception.resource or "everybody")
