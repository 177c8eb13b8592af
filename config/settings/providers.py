"""Twilio, Razorpay and the mail server."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import LOOPBACK_HOSTS, env


def require_https(name: str, url: str) -> str:
    """Return the base URL of a provider. Over plain HTTP, its credentials would travel unencrypted."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        return url
    raise ImproperlyConfigured(f"{name} must begin with https://, unless the provider is simulated on this host.")


TWILIO_API_BASE_URL = require_https(
    "TWILIO_API_BASE_URL", env.str("TWILIO_API_BASE_URL", default="https://api.twilio.com")
)
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_SMS_FROM = env.str("TWILIO_SMS_FROM", default="")
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", default="")
TWILIO_WHATSAPP_FROM = env.str("TWILIO_WHATSAPP_FROM", default="")
RAZORPAY_API_BASE_URL = require_https(
    "RAZORPAY_API_BASE_URL", env.str("RAZORPAY_API_BASE_URL", default="https://api.razorpay.com")
)
RAZORPAY_KEY_ID = env.str("RAZORPAY_KEY_ID", default="")
RAZORPAY_KEY_SECRET = env.str("RAZORPAY_KEY_SECRET", default="")
RAZORPAY_WEBHOOK_SECRETS = [
    secret.strip() for secret in env.list("RAZORPAY_WEBHOOK_SECRETS", default=[]) if secret.strip()
]
EMAIL_URL = env.str("EMAIL_URL", default="").strip()
if EMAIL_URL:
    email = env.email_url_config(EMAIL_URL)
    is_encrypted = email.get("EMAIL_USE_TLS") or email.get("EMAIL_USE_SSL")
    if email["EMAIL_HOST_PASSWORD"] and not is_encrypted and email["EMAIL_HOST"] not in LOOPBACK_HOSTS:
        raise ImproperlyConfigured(
            "EMAIL_URL with a password must begin with smtp+tls:// or smtp+ssl://, "
            "unless the mail server is on this host."
        )
    vars().update(email)
EMAIL_MAX_CONNECTIONS = env.int("EMAIL_MAX_CONNECTIONS", default=0)
EMAIL_TIMEOUT = 60  # seconds, for each step before the text is handed over
EMAIL_RESPONSE_SECONDS = env.int("EMAIL_RESPONSE_SECONDS", default=600)
EMAIL_EHLO_NAME = env.str("EMAIL_EHLO_NAME", default="")
EMAIL_CA_FILE = env.str("EMAIL_CA_FILE", default="")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="bookings@localhost")
CHANNEL_NAMES = ["sms", "whatsapp", "email"]
# Channels that the business does not use, although they are configured.
CHANNELS_OFF = [name for name in map(str.strip, env.list("CHANNELS_OFF", default=[])) if name]
if unknown_channels := sorted({*CHANNELS_OFF} - {*CHANNEL_NAMES}):
    raise ImproperlyConfigured(
        f"CHANNELS_OFF: unknown channel {', '.join(unknown_channels)}. The channels are {', '.join(CHANNEL_NAMES)}."
    )
