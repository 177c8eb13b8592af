"""Rate limits and budgets; 0 means unlimited."""

from config.settings.environment import env

TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
LIMIT_BOOKINGS_PER_HOUR = env.int("LIMIT_BOOKINGS_PER_HOUR", default=60)
access_limit_by_earlier_name = env.int("LIMIT_LOOKUPS_PER_MINUTE", default=120)
LIMIT_BOOKING_ACCESS_PER_MINUTE = env.int("LIMIT_BOOKING_ACCESS_PER_MINUTE", default=access_limit_by_earlier_name)
LIMIT_SIGN_INS_PER_QUARTER_HOUR = env.int("LIMIT_SIGN_INS_PER_QUARTER_HOUR", default=5)
LIMIT_OPEN_HOLDS_PER_NUMBER = env.int("LIMIT_OPEN_HOLDS_PER_NUMBER", default=1)
LIMIT_MESSAGES_PER_NUMBER = env.int("LIMIT_MESSAGES_PER_NUMBER", default=20)
LIMIT_EMAILS_PER_ADDRESS = env.int("LIMIT_EMAILS_PER_ADDRESS", default=50)
LIMIT_MESSAGES_AT_HOME = env.int("LIMIT_MESSAGES_AT_HOME", default=20_000)
LIMIT_MESSAGES_PER_COUNTRY = env.int("LIMIT_MESSAGES_PER_COUNTRY", default=200)
