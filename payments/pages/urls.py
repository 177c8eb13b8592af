from django.urls import path

from payments.pages import payment, reconciliation

urlpatterns = [
    path("payments/reconciliation", reconciliation.reconciliation, name="reconciliation"),
    path("payments/reconciliation/resolve", reconciliation.resolve, name="reconciliation-resolve"),
    path("payments/<int:payment_id>", payment.payment, name="payment"),
    path("payments/<int:payment_id>/refund", payment.refund, name="payment-refund"),
    path("payments/<int:payment_id>/review", payment.review, name="payment-review"),
]
