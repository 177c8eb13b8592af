"""Rate limit counters."""

from django.db import models


class RateLimitCounter(models.Model):
    """The uses of ``limit`` by ``key`` in the window that began at ``since``."""

    limit = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    since = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["since"], name="rate_limit_counter_by_age")]
        constraints = [
            models.UniqueConstraint(
                name="one_counter_per_window",
                fields=["limit", "key", "since"],
                violation_error_message="This window already has a counter.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.limit}: {self.count} by {self.key}"
