"""The business."""

import phonenumbers
from django.core.exceptions import ImproperlyConfigured, ValidationError

from config.settings.environment import env
from foundation.money import validate_currency
from foundation.texts import normalize_name

try:
    BUSINESS_NAME = normalize_name(env.str("BUSINESS_NAME", default="Daybook"))
except ValidationError as error:
    raise ImproperlyConfigured(f"BUSINESS_NAME: {error.message}") from error
CURRENCY = env.str("CURRENCY", default="INR").strip().upper()
try:
    validate_currency(CURRENCY)
except ValidationError as error:
    raise ImproperlyConfigured(
        f"CURRENCY: unknown currency {CURRENCY!r}. Use a three-letter code of ISO 4217, such as INR, EUR or JPY."
    ) from error
PHONE_REGION = env.str("PHONE_REGION", default="IN").strip().upper()
# The countries whose phone numbers get messages; * means all.
message_countries = {name.strip().upper() for name in env.list("MESSAGE_COUNTRIES", default=[])} - {""}
MESSAGE_COUNTRIES = sorted(message_countries) or [PHONE_REGION]
if unknown_countries := {PHONE_REGION, *message_countries - {"*"}} - phonenumbers.SUPPORTED_REGIONS:
    raise ImproperlyConfigured(
        f"PHONE_REGION or MESSAGE_COUNTRIES: unknown country {', '.join(map(repr, sorted(unknown_countries)))}. "
        "Use the two-letter codes of ISO 3166, such as IN, US or GB."
    )
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Kolkata")
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = True
