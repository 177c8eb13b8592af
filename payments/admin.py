from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from payments.models import Payment, PaymentOrder


class _Ledger(admin.ModelAdmin):
    """Money is never edited by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PaymentOrder)
class PaymentOrderAdmin(_Ledger):
    list_display = ["razorpay_order_id", "booking", "amount_minor", "currency", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["booking"]
    search_fields = ["razorpay_order_id", "receipt", "booking__reference"]


@admin.register(Payment)
class PaymentAdmin(_Ledger):
    list_display = ["razorpay_payment_id", "booking", "amount_minor", "currency", "state", "disposition", "created_at"]
    list_filter = ["state", "disposition"]
    list_select_related = ["booking"]
    search_fields = ["razorpay_payment_id", "booking__reference"]
