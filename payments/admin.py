from django.contrib import admin

from bookings.money import as_money
from bookings.read_only import ReadOnlyAdmin
from payments.models import Payment, PaymentOrder


class LedgerAdmin(ReadOnlyAdmin):
    """Money is never edited by hand."""

    list_select_related = ["booking"]
    exclude = ["amount_minor", "currency"]
    readonly_fields = ["amount"]

    @admin.display(ordering="amount_minor")
    def amount(self, row: Payment | PaymentOrder) -> str:
        return as_money(row.amount_minor, row.currency)


@admin.register(PaymentOrder)
class PaymentOrderAdmin(LedgerAdmin):
    list_display = ["__str__", "booking", "amount", "state", "created_at"]
    list_filter = ["state"]
    search_fields = ["razorpay_order_id", "receipt", "booking__reference"]


@admin.register(Payment)
class PaymentAdmin(LedgerAdmin):
    list_display = ["razorpay_payment_id", "booking", "amount", "state", "disposition", "created_at"]
    list_filter = ["state", "disposition"]
    search_fields = ["razorpay_payment_id", "booking__reference"]
