"""The queue: delivery lanes, leases and django-q2. The reasons for this design: docs/decisions.md."""

from config.settings.environment import DATA_DIR, env

# Fall back to the names that earlier versions used.
DELIVERY_LANES = env.int("DELIVERY_LANES", default=env.int("DRAIN_SLOTS", default=2))
LANE_CONCURRENCY = env.int("LANE_CONCURRENCY", default=env.int("DRAIN_CONCURRENCY", default=500))
SEND_LEASE_SECONDS = env.int("SEND_LEASE_SECONDS", default=60)
LOOKUP_SETTLE_SECONDS = env.int("LOOKUP_SETTLE_SECONDS", default=180)
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "queue": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "queue-status",
    },
}
Q_CLUSTER = {
    "name": "daybook",  # of the queue: never change it while jobs are queued
    "broker_class": "runtime.broker.JobBroker",
    "scheduler": False,  # its rows name functions to import; the supervisor restarts what has ended
    "orm": "default",  # the bookings' connection: a job commits or rolls back with its booking
    "workers": DELIVERY_LANES + 3,  # plus one for a lane hand-off, one for the due rows, one spare
    "timeout": 60,
    "retry": 75,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "queue_limit": 4,
    "bulk": 5,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "recycle": 100,
    "max_rss": 300_000,
    "label": "Queue",
    "cache": "queue",
}
