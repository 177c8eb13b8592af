"""Logging to the console, without personal data."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "foundation.log_format.PrivateFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # No client errors (4xx): their responses explain them.
        "django.request": {"level": "ERROR"},
        # Django's own handler mails whole requests.
        "django": {"level": "INFO", "handlers": []},
        # Once Django is loaded, gunicorn's lines have this format, too.
        "gunicorn.error": {"level": "WARNING", "handlers": ["console"], "propagate": False},
    }
    | {
        name: {"level": "INFO", "handlers": ["console"], "propagate": False}
        for name in (
            "config",
            "runtime",
            "demo",
            "monitoring",
            "reports",
            "desk",
            "notifications",
            "payments",
            "bookings",
            "accounts",
            "foundation",
        )
    },
}
