"""The business."""

import phonenumbers
from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env

BUSINESS_NAME = env.str("BUSINESS_NAME", default="Daybook")
CURRENCY = env.str("CURRENCY", default="INR")
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
