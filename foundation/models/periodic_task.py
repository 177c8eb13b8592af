"""Periodic tasks: when each is due next, and the result of its last run."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

from foundation.clock import database_now


class PeriodicTaskQuerySet(models.QuerySet["PeriodicTask"]):
    def claim(self, name: str, interval: timedelta) -> bool:
        """Postpone the task by ``interval`` if it is due; return whether it was. Only one caller gets it."""
        now = database_now()
        return bool(self.filter(name=name, due_at__lte=now).update(due_at=now + interval))


class PeriodicTask(models.Model):
    """A task that runs at intervals: when it is due next, and the result of its last run."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=250, blank=True)

    objects = PeriodicTaskQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
