"""How often somebody did what is limited."""

from django.db import models


class Usage(models.Model):
    """How often ``key`` did what ``limit`` limits, in the stretch of time that began at ``since``."""

    limit = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    since = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["since"], name="usage_by_age")]
        constraints = [models.UniqueConstraint(name="one_count_per_stretch", fields=["limit", "key", "since"])]

    def __str__(self) -> str:
        return f"{self.limit}: {self.count} by {self.key}"
