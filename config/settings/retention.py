"""After how many days the daily housekeeping deletes personal data; 0: never."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env

RETENTION_MESSAGE_TEXTS_DAYS = env.int("RETENTION_MESSAGE_TEXTS_DAYS", default=365)
RETENTION_INBOUND_MESSAGES_DAYS = env.int("RETENTION_INBOUND_MESSAGES_DAYS", default=365)
RETENTION_RECEIPTS_DAYS = env.int("RETENTION_RECEIPTS_DAYS", default=90)
RETENTION_GATEWAY_EVENTS_DAYS = env.int("RETENTION_GATEWAY_EVENTS_DAYS", default=90)
RETENTION_IDEMPOTENCY_KEYS_DAYS = 7  # not a setting: it is part of the contract of the API
RETENTION_SESSIONS_DAYS = env.int("RETENTION_SESSIONS_DAYS", default=30)
RETENTION_KNOWN_NETWORKS_DAYS = env.int("RETENTION_KNOWN_NETWORKS_DAYS", default=90)
RETENTION_COUNTERS_DAYS = env.int("RETENTION_COUNTERS_DAYS", default=7)

if negative := [name for name, value in globals().items() if name.startswith("RETENTION_") and value < 0]:
    raise ImproperlyConfigured(f"{', '.join(negative)}: enter the number of days, or 0 to keep the data for ever.")
