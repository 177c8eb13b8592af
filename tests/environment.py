"""The environment of the tests. ``-p`` in pyproject.toml loads it before Django."""

import os

from runtime.embedded_postgres import ensure_database_url

os.environ.update(
    DEBUG="1",
    SECRET_KEY="tests-only-abcdefghijklmnopqrstuvwxyz",  # pragma: allowlist secret
    PUBLIC_BASE_URL="http://testserver",
    ALLOWED_HOSTS="*",
    TWILIO_ACCOUNT_SID="AC" + "0" * 32,
    TWILIO_AUTH_TOKEN="sandbox-auth-token",
    TWILIO_SMS_FROM="+15005550006",
    TWILIO_WHATSAPP_FROM="+15005550006",
    EMAIL_URL="smtp://127.0.0.1:25",
    # The same customers book again and again, from one address.
    LIMIT_REQUESTS_PER_MINUTE="0",
    LIMIT_BOOKINGS_PER_HOUR="0",
    LIMIT_BOOKING_ACCESS_PER_MINUTE="0",
    LIMIT_SIGN_INS_PER_QUARTER_HOUR="0",
    LIMIT_OPEN_HOLDS_PER_NUMBER="0",
    LIMIT_OPEN_BOOKINGS_PER_CLIENT="0",
    LIMIT_OPEN_BOOKINGS_PER_NUMBER="0",
    LIMIT_MESSAGES_PER_NUMBER="0",
    LIMIT_EMAILS_PER_ADDRESS="0",
    RAZORPAY_KEY_ID="rzp_test_sandbox",
    RAZORPAY_KEY_SECRET="sandbox-key-secret",
    RAZORPAY_WEBHOOK_SECRETS="sandbox-webhook-secret",
)
ensure_database_url()
