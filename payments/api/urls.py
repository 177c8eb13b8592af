from django.urls import path

from payments.api import razorpay_webhook, views

urlpatterns = [
    path("bookings/razorpay-booking", views.RazorpayBooking.as_view(), name="razorpay-booking"),
    path("bookings/verify-payment", views.VerifyPayment.as_view(), name="verify-payment"),
    path("bookings/<uuid:booking_id>/checkout", views.BookingCheckout.as_view(), name="booking-checkout"),
    path("payments/razorpay/webhook", razorpay_webhook.razorpay_webhook, name="razorpay-webhook"),
]
