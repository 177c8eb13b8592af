"""Read-only admin of payments. Refunds and reviews are made on the payment page."""

import json
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from foundation.http.read_only_admin import ReadOnlyAdmin
from foundation.money import format_money
from payments.gateway.redaction import redact
from payments.models import DeskPayment, Discrepancy, Dispute, GatewayEvent, Payment, PaymentOrder, Refund


class LedgerAdmin(ReadOnlyAdmin):
    """Base class: read-only, and shows the amount with its currency."""

    exclude = ["amount_minor", "currency"]
    readonly_fields = ["amount"]

    @admin.display(ordering="amount_minor")
    def amount(self, row: Any) -> str:
        return format_money(row.amount_minor, row.currency)


@admin.register(PaymentOrder)
class PaymentOrderAdmin(LedgerAdmin):
    list_display = ["__str__", "booking", "amount", "state", "next_check_at", "created_at"]
    list_filter = ["state"]
    list_select_related = ["booking"]
    search_fields = ["razorpay_order_id", "receipt", "booking__reference"]


@admin.register(Payment)
class PaymentAdmin(LedgerAdmin):
    list_display = [
        "razorpay_payment_id",
        "booking",
        "amount",
        "method",
        "state",
        "disposition",
        "created_at",
        "page_link",
    ]
    list_filter = ["state", "disposition", "method"]
    list_select_related = ["booking"]
    search_fields = ["razorpay_payment_id", "booking__reference"]
    exclude = ["amount_minor", "customer_fee_minor", "currency"]
    readonly_fields = ["amount", "customer_fee", "page_link"]

    @admin.display(description="of which the gateway's fee, borne by the customer")
    def customer_fee(self, row: Payment) -> str:
        return format_money(row.customer_fee_minor, row.currency)

    @admin.display(description="refunds and log")
    def page_link(self, row: Payment) -> SafeString:
        return format_html('<a href="{}">Refund, review, log</a>', reverse("payment", args=[row.pk]))


@admin.register(Refund)
class RefundAdmin(LedgerAdmin):
    list_display = ["__str__", "booking", "amount", "state", "source", "requested_by", "created_at"]
    list_filter = ["state", "source"]
    list_select_related = ["payment__booking"]
    search_fields = ["razorpay_refund_id", "payment__razorpay_payment_id", "payment__booking__reference"]

    def booking(self, row: Refund) -> str:
        return str(row.payment.booking)


@admin.register(Dispute)
class DisputeAdmin(LedgerAdmin):
    list_display = ["__str__", "booking", "amount", "deducted", "phase", "state", "respond_by", "opened_at"]
    list_filter = ["state", "phase"]
    list_select_related = ["payment__booking"]
    search_fields = ["razorpay_dispute_id", "payment__razorpay_payment_id", "payment__booking__reference"]
    exclude = ["amount_minor", "currency", "deducted_minor"]
    readonly_fields = ["amount", "deducted"]

    def booking(self, row: Dispute) -> str:
        return str(row.payment.booking)

    @admin.display(ordering="deducted_minor")
    def deducted(self, row: Dispute) -> str:
        return format_money(row.deducted_minor, row.currency)


@admin.register(DeskPayment)
class DeskPaymentAdmin(LedgerAdmin):
    list_display = ["taken_at", "booking", "amount", "kind", "method", "taken_by", "voided_at"]
    list_filter = ["kind", "method"]
    list_select_related = ["booking"]
    search_fields = ["booking__reference"]


@admin.register(Discrepancy)
class DiscrepancyAdmin(LedgerAdmin):
    list_display = ["gateway_id", "cause", "amount", "found_at", "closed_at", "closed_by"]


@admin.register(GatewayEvent)
class GatewayEventAdmin(ReadOnlyAdmin):
    list_display = ["kind", "event_id", "state", "attempts", "error", "received_at"]
    list_filter = ["state", "kind"]
    search_fields = ["event_id"]
    exclude = ["body"]
    readonly_fields = ["content"]

    @admin.display(description="content")
    def content(self, row: GatewayEvent) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(redact(row.body), indent=2))
