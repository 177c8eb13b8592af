"""Let time pass: the database's clock decides what is due, so the times of the rows are moved instead."""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import connection, models

APPS = ["accounts", "bookings", "payments", "notifications", "foundation", "django_q"]


def let_time_pass(duration: timedelta) -> None:
    """Move the times of all rows into the past. Bookings and opening hours of the coming days stay consistent."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no triggers: some refuse changes
        for model in apps.get_models():
            table, changes = model._meta.db_table, _changes(model)
            if model._meta.app_label in APPS and changes:
                cursor.execute(f"UPDATE {table} SET {', '.join(changes)}", {"duration": duration})
        cursor.execute("SET session_replication_role = origin")


def _changes(model: type[models.Model]) -> list[str]:
    changes = []
    for field in model._meta.local_concrete_fields:
        name = field.column
        if isinstance(field, DateTimeRangeField):
            changes.append(f"{name} = tstzrange(lower({name}) - %(duration)s, upper({name}) - %(duration)s)")
        elif isinstance(field, models.DateTimeField):
            changes.append(f"{name} = {name} - %(duration)s")
    return changes
