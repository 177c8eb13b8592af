"""Serializers of the payment endpoints."""

from typing import Any

from rest_framework import serializers

from bookings.api.representation import BookingSerializer, NewBookingSerializer


class VerifyPaymentInputSerializer(serializers.Serializer[Any]):
    razorpay_order_id = serializers.RegexField(r"^order_[A-Za-z0-9]{1,34}$")
    razorpay_payment_id = serializers.RegexField(r"^pay_[A-Za-z0-9]{1,36}$")
    razorpay_signature = serializers.RegexField(r"^[0-9a-f]{64}$")


class PrefillSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    email = serializers.EmailField(required=False, help_text="Missing if the customer has none.")
    contact = serializers.CharField()


class CheckoutSerializer(serializers.Serializer[Any]):
    """The options for Razorpay Checkout. Pass them to it unchanged."""

    key = serializers.CharField()
    order_id = serializers.CharField()
    amount = serializers.IntegerField(help_text="Minor units.")
    currency = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    prefill = PrefillSerializer()
    timeout = serializers.IntegerField(help_text="Seconds.")
    notes = serializers.DictField(child=serializers.CharField())


class CheckoutResponseSerializer(serializers.Serializer[Any]):
    booking = NewBookingSerializer()
    checkout = CheckoutSerializer()


class OpenCheckoutSerializer(serializers.Serializer[Any]):
    booking = BookingSerializer()
    checkout = CheckoutSerializer()


class VerifyPaymentResponseSerializer(serializers.Serializer[Any]):
    booking = BookingSerializer()
