from django.urls import path

from payments import pages, views, webhooks

urlpatterns = [
    path("bookings/razorpay-booking", views.RazorpayBooking.as_view(), name="razorpay-booking"),
    path("bookings/verify-payment", views.VerifyPayment.as_view(), name="verify-payment"),
    path("payments/razorpay/webhook", webhooks.razorpay_webhook, name="razorpay-webhook"),
    path("payments/reconciliation", pages.reconciliation, name="reconciliation"),
    path("payments/reconciliation/resolve", pages.resolve, name="reconciliation-resolve"),
    path("payments/takings", pages.day, name="takings"),
    path("payments/takings.csv", pages.day_csv, name="takings-csv"),
    path("payments/desk/<uuid:booking_id>", pages.desk, name="desk"),
    path("payments/desk/slips/<uuid:slip_id>/void", pages.void, name="void-slip"),
    path("payments/<int:payment_id>", pages.payment, name="payment"),
    path("payments/<int:payment_id>/refund", pages.refund, name="payment-refund"),
    path("payments/<int:payment_id>/review", pages.review, name="payment-review"),
]
