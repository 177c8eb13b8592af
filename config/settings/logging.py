"""Logging to the console."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # No client errors (4xx): their responses explain them.
        "django.request": {"level": "ERROR"},
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
