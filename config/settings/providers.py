"""Twilio, Razorpay and the mail server."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env

TWILIO_API_BASE_URL = env.str("TWILIO_API_BASE_URL", default="https://api.twilio.com")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_SMS_FROM = env.str("TWILIO_SMS_FROM", default="")
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", default="")
TWILIO_WHATSAPP_FROM = env.str("TWILIO_WHATSAPP_FROM", default="")
RAZORPAY_API_BASE_URL = env.str("RAZORPAY_API_BASE_URL", default="https://api.razorpay.com")
RAZORPAY_KEY_ID = env.str("RAZORPAY_KEY_ID", default="")
RAZORPAY_KEY_SECRET = env.str("RAZORPAY_KEY_SECRET", default="")
RAZORPAY_WEBHOOK_SECRETS = env.list("RAZORPAY_WEBHOOK_SECRETS", default=[])
EMAIL_URL = env.str("EMAIL_URL", default="").strip()
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
EMAIL_MAX_CONNECTIONS = env.int("EMAIL_MAX_CONNECTIONS", default=0)
EMAIL_TIMEOUT = 10  # seconds, for each step before the text is handed over
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
