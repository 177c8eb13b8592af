"""Verify Razorpay's signatures."""

from __future__ import annotations

import hashlib
import hmac
import re

from django.conf import settings

SIGNATURE = re.compile(r"[0-9a-f]{64}")


def is_checkout_configured() -> bool:
    """Return whether there are credentials to create orders and verify payments with."""
    return bool(settings.RAZORPAY_KEY_ID.strip() and settings.RAZORPAY_KEY_SECRET.strip())


def are_webhooks_configured() -> bool:
    """Return whether there is a secret to verify webhooks with."""
    return any(secret.strip() for secret in settings.RAZORPAY_WEBHOOK_SECRETS)


def is_payment_signature_valid(*, order_id: str, payment_id: str, signature: str) -> bool:
    """Return whether Razorpay signed this payment for this order. Pass the *stored* order id, never the caller's."""
    message = f"{order_id}|{payment_id}".encode()
    return _is_signed(message, signature, settings.RAZORPAY_KEY_SECRET)


def is_webhook_signature_valid(body: bytes, signature: str) -> bool:
    """Return whether Razorpay signed these bytes. After a rotation, retried events still come with the old secret."""
    return any(_is_signed(body, signature, secret) for secret in settings.RAZORPAY_WEBHOOK_SECRETS)


def _is_signed(message: bytes, signature: str, secret: str) -> bool:
    if not secret.strip() or not SIGNATURE.fullmatch(signature):  # with a blank secret, any caller could sign
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(), signature)
