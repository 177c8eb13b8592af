"""Payments over HTTP: parse the input, call one operation, represent the result."""

from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.api.idempotency import IDEMPOTENCY_HEADERS, IDEMPOTENCY_REFUSALS, keyed_request
from bookings.api.permissions import CUSTOMER
from bookings.api.representation import represent_booking, represent_new_booking
from bookings.api.serializers import BookingInputSerializer
from bookings.api.throttles import NewBookingThrottle
from bookings.exceptions import NEW_BOOKING_REFUSALS, UnpaidHoldExists
from foundation.http.openapi import raises
from payments.api.serializers import (
    CheckoutResponseSerializer,
    VerifyPaymentInputSerializer,
    VerifyPaymentResponseSerializer,
)
from payments.exceptions import (
    GatewayUnavailable,
    OrderRejected,
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
    UnknownOrder,
)
from payments.gateway.signatures import is_checkout_configured
from payments.operations.checkout import Checkout, respond_to_checkout
from payments.operations.verify import verify_payment

# Checkout closes this long before the hold expires: a bank may take minutes to respond to the last attempt.
GRACE = timedelta(minutes=5)


class CheckoutEndpoint(APIView):
    """An endpoint that exists only if Razorpay is configured."""

    raises = (NotFound,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not is_checkout_configured():
            raise NotFound("Online payment is not available. Please contact us to book.")
        super().initial(request, *args, **kwargs)


class RazorpayBooking(CheckoutEndpoint):
    permission_classes = [permissions.AllowAny]
    throttle_classes = [NewBookingThrottle]

    @extend_schema(
        operation_id="createPaidBooking",
        summary="Book a service that is paid online",
        description="The slot is held until `hold_expires_at`. Open Razorpay Checkout with `checkout`, and send what "
        "it returns to `POST /bookings/verify-payment`.",
        request=BookingInputSerializer,
        parameters=IDEMPOTENCY_HEADERS,
        responses={201: CheckoutResponseSerializer},
    )
    @raises(*NEW_BOOKING_REFUSALS, *IDEMPOTENCY_REFUSALS, UnpaidHoldExists, GatewayUnavailable, OrderRejected)
    def post(self, request: Request) -> HttpResponse:
        @cache
        def read_input() -> dict[str, Any]:
            serializer = BookingInputSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            booking_input: dict[str, Any] = serializer.validated_data
            return booking_input

        response = respond_to_checkout(keyed_request(request), read_input, actor=CUSTOMER, represent=represent_checkout)
        return response.as_response()


class VerifyPayment(CheckoutEndpoint):
    authentication_classes = ()  # Razorpay's signature authenticates the request
    permission_classes = [permissions.AllowAny]

    @extend_schema(
        operation_id="verifyPayment",
        summary="Confirm a booking with the payment that Checkout returned",
        description="The booking is `confirmed`, or `pending` if staff must confirm it. Repeat the request until it "
        "succeeds: a repeat changes nothing.",
        request=VerifyPaymentInputSerializer,
        responses=VerifyPaymentResponseSerializer,
    )
    @raises(SignatureInvalid, UnknownOrder, PaymentMismatch, PaidTooLate, GatewayUnavailable)
    def post(self, request: Request) -> Response:
        serializer = VerifyPaymentInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        booking = verify_payment(
            order_id=serializer.validated_data["razorpay_order_id"],
            payment_id=serializer.validated_data["razorpay_payment_id"],
            signature=serializer.validated_data["razorpay_signature"],
        )
        return Response({"booking": represent_booking(booking)})


def represent_checkout(checkout: Checkout) -> dict[str, object]:
    """Return the held booking and the Checkout options for its order."""
    return {"booking": represent_new_booking(checkout.new_booking), "checkout": checkout_options(checkout)}


def checkout_options(checkout: Checkout) -> dict[str, object]:
    """Return the options with which to open Razorpay Checkout (razorpay.com/docs, Standard Checkout)."""
    booking, order = checkout.new_booking.booking, checkout.order
    customer, service = booking.customer, booking.service
    prefilled_email = {"email": customer.email} if customer.email else {}
    now = timezone.now()
    remaining = (booking.hold_expires_at or now) - now
    return {
        "key": order.key_id,
        "order_id": order.razorpay_order_id,
        "amount": order.amount_minor,
        "currency": order.currency,
        "name": settings.BUSINESS_NAME,
        "description": f"{service.name} ({booking.reference})",
        "prefill": {"name": customer.name, "contact": customer.phone, **prefilled_email},
        "timeout": max(int((remaining - GRACE).total_seconds()), 60),
        "notes": {"booking": booking.reference},
    }
