"""Payments over HTTP: translate in, one call, translate out."""

from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.api.idempotency import IDEMPOTENCY_KEY, keyed_request
from bookings.api.permissions import CUSTOMER
from bookings.api.representation import represent_booking, represent_new_booking
from bookings.api.serializers import BookingInputSerializer
from bookings.api.throttles import NewBookingThrottle
from payments.api.serializers import (
    CheckoutResponseSerializer,
    VerifyPaymentInputSerializer,
    VerifyPaymentResponseSerializer,
)
from payments.operations.checkout import Checkout, answer_checkout
from payments.operations.verify import verify_payment

# Checkout closes this long before the hold lapses: a bank needs minutes to answer the last attempt.
GRACE = timedelta(minutes=5)


def checkout_options(checkout: Checkout) -> dict[str, object]:
    """Return the options that Razorpay Checkout opens with (razorpay.com/docs, Standard Checkout)."""
    booking, order = checkout.booked.booking, checkout.order
    customer, service = booking.customer, booking.service
    now = timezone.now()
    left = (booking.hold_expires_at or now) - now
    return {
        "key": order.key_id,
        "order_id": order.razorpay_order_id,
        "amount": order.amount_minor,
        "currency": order.currency,
        "name": settings.BUSINESS_NAME,
        "description": f"{service.name} ({booking.reference})",
        "prefill": {"name": customer.name, "email": customer.email, "contact": customer.phone},
        "timeout": max(int((left - GRACE).total_seconds()), 60),
        "notes": {"booking": booking.reference},
    }


def represent_checkout(checkout: Checkout) -> dict[str, object]:
    """Return the body for a held booking and the order that pays for it."""
    return {"booking": represent_new_booking(checkout.booked), "checkout": checkout_options(checkout)}


class RazorpayBooking(APIView):
    permission_classes = [permissions.AllowAny]
    throttle_classes = [NewBookingThrottle]

    @extend_schema(
        summary="Book a service that is paid online",
        request=BookingInputSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: CheckoutResponseSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        @cache
        def wish() -> dict[str, Any]:
            form = BookingInputSerializer(data=request.data)
            form.is_valid(raise_exception=True)
            fields: dict[str, Any] = form.validated_data
            return fields

        return answer_checkout(keyed_request(request), wish, actor=CUSTOMER, show=represent_checkout).as_response()


class VerifyPayment(APIView):
    permission_classes = [permissions.AllowAny]

    @extend_schema(
        summary="Confirm a booking with the payment that Checkout returned",
        request=VerifyPaymentInputSerializer,
        responses=VerifyPaymentResponseSerializer,
    )
    def post(self, request: Request) -> Response:
        form = VerifyPaymentInputSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        booking = verify_payment(
            order_id=form.validated_data["razorpay_order_id"],
            payment_id=form.validated_data["razorpay_payment_id"],
            signature=form.validated_data["razorpay_signature"],
        )
        return Response({"booking": represent_booking(booking)})
