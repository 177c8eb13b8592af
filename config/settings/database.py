"""The database."""

from config.settings.environment import env

# Without DATABASE_URL, manage.py and config.wsgi start an embedded server and set it.
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgresql:///daybook")}
DATABASES["default"] |= {
    "CONN_MAX_AGE": 600,  # without it, django-q2 opens a connection at every poll
    "CONN_HEALTH_CHECKS": True,
    "ATOMIC_REQUESTS": False,
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})  # from the URL's query: a socket folder, sslmode
    | {
        "connect_timeout": 3,
        "options": "-c statement_timeout=15s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
