"""Payments over HTTP: parse the input, call one operation, represent the result."""

from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.api.idempotency import IDEMPOTENCY_HEADERS, IDEMPOTENCY_REFUSALS
from bookings.api.keyed_request import keyed_request
from bookings.api.permissions import (
    BOOKING_TOKEN,
    STAFF_OR_BOOKING_TOKEN,
    BookingEndpoint,
    PublicEndpoint,
    customer_actor,
    deny,
    may_view_all,
    owns_booking,
)
from bookings.api.representation import represent_booking, represent_new_booking
from bookings.api.serializers import BookingInputSerializer
from bookings.api.throttles import BookingAccessThrottle, NewBookingThrottle
from bookings.exceptions import NEW_BOOKING_REFUSALS, UnpaidHoldExists
from bookings.models import Booking
from foundation.clock import database_now
from foundation.http.openapi import raises
from payments.api.serializers import (
    CheckoutResponseSerializer,
    OpenCheckoutSerializer,
    VerifyPaymentInputSerializer,
    VerifyPaymentResponseSerializer,
)
from payments.exceptions import (
    AlreadyPaid,
    GatewayUnavailable,
    HoldOver,
    NotPaidOnline,
    OrderRejected,
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
    UnknownOrder,
)
from payments.gateway.signatures import is_checkout_configured
from payments.models import PaymentOrder
from payments.operations.checkout import Checkout, respond_to_checkout
from payments.operations.open_checkout import find_open_checkout
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
            may_book = request.user.has_perm("bookings.add_booking")
            serializer = BookingInputSerializer(data=request.data, context={"is_staff": may_book})
            serializer.is_valid(raise_exception=True)
            booking_input: dict[str, Any] = serializer.validated_data
            return booking_input

        actor = customer_actor(request)
        response = respond_to_checkout(keyed_request(request), read_input, actor=actor, represent=represent_checkout)
        return response.as_response()


class BookingCheckout(CheckoutEndpoint, BookingEndpoint):
    throttle_classes = [BookingAccessThrottle]

    @extend_schema(
        operation_id="getCheckout",
        summary="Get the open checkout of a held booking",
        description="For a customer who left the page, with the manage token, or the service token that created the "
        "booking: the same checkout as in the response to the booking. When the hold is over, the booking is paid, or "
        "it is not paid online, the code of the 409 says so.",
        parameters=[BOOKING_TOKEN],
        responses=OpenCheckoutSerializer,
        auth=STAFF_OR_BOOKING_TOKEN,
    )
    @raises(PermissionDenied, NotPaidOnline, AlreadyPaid, HoldOver, GatewayUnavailable)
    def get(self, request: Request, booking_id: UUID) -> Response:
        booking = Booking.objects.for_api().filter(pk=booking_id).first()
        if not may_view_all(request) and not owns_booking(request, booking):
            deny(request)
        if booking is None:
            raise Http404
        order = find_open_checkout(booking=booking)
        return Response({"booking": represent_booking(booking), "checkout": checkout_options(booking, order)})


class VerifyPayment(CheckoutEndpoint, PublicEndpoint):  # Razorpay's signature authenticates the request
    request_cost = 4

    @extend_schema(
        operation_id="verifyPayment",
        summary="Confirm a booking with the payment that Checkout returned",
        description="The booking is `confirmed`, or `pending` if staff must confirm it. Repeat the request until it "
        "succeeds: a repeat changes nothing.",
        auth=[],
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
    booking = checkout.new_booking.booking
    options = checkout_options(booking, checkout.order)
    return {"booking": represent_new_booking(checkout.new_booking), "checkout": options}


def checkout_options(booking: Booking, order: PaymentOrder) -> dict[str, object]:
    """Return the options with which to open Razorpay Checkout (razorpay.com/docs, Standard Checkout)."""
    customer, service = booking.customer, booking.service
    prefilled_email = {"email": customer.email} if customer.email else {}
    now = database_now()
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
