"""The business."""

from config.settings.environment import env

BUSINESS_NAME = env.str("BUSINESS_NAME", default="Daybook")
CURRENCY = env.str("CURRENCY", default="INR")
PHONE_REGION = env.str("PHONE_REGION", default="IN")
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Kolkata")
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = True
