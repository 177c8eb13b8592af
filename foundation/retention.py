"""Delete or blank rows that are past their retention. A declaration of personal data states it, a setting its days."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from foundation.long_statements import lift_statement_timeout

if TYPE_CHECKING:
    from foundation.personal_data import Declaration

BATCH = 1000
MAX_SECONDS = 5  # per declaration and day; all of them fit into the timeout of a job


def purge_of(declaration: Declaration) -> Callable[[], int]:
    """Return the purge of the rows that ``declaration`` limits, to be registered as a background task."""

    def purge() -> int:
        return purge_expired(declaration)

    purge.__name__ = f"purge_{declaration.model._meta.db_table}"
    return purge


def purge_expired(declaration: Declaration) -> int:
    """Delete or blank the rows that are past their retention, in batches; return how many.

    Each batch is a transaction, and leaves out rows that are locked. What does not fit into MAX_SECONDS stays until the
    next run.
    """
    retention = declaration.retention
    days = getattr(settings, retention.setting) if retention else 0
    if retention is None or not days:  # 0: the rows are kept
        return 0
    is_expired = {f"{retention.since}__lt": Now() - timedelta(days=days)}
    expired = declaration.model._base_manager.filter(retention.condition, **is_expired).order_by("pk")
    end, count, last_key = time.monotonic() + MAX_SECONDS, 0, None
    while time.monotonic() < end:
        keys = _purge_batch(declaration, expired.filter(pk__gt=last_key) if last_key is not None else expired)
        count += len(keys)
        if len(keys) < BATCH:
            break
        last_key = keys[-1]
    return count


@transaction.atomic
def _purge_batch(declaration: Declaration, expired: QuerySet[Any]) -> list[Any]:
    """Delete or blank the first rows; return their keys."""
    lift_statement_timeout()
    locked = expired.select_for_update(skip_locked=True, of=("self",))
    keys = list(locked.values_list("pk", flat=True)[:BATCH])
    rows = declaration.model._base_manager.filter(pk__in=keys)
    if declaration.retention and declaration.retention.blanks:
        values = declaration.erased_values()
        rows.update(**{name: values[name] for name in declaration.retention.blanks})
    else:
        rows.delete()
    return keys
