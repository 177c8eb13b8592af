"""Process due rows: claim them, call an external service outside a transaction, apply the result.

A claim moves the row's due time ahead instead of holding a lock: if the worker dies, the row is due again soon.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models.functions import Now

from foundation.database_errors import is_database_unavailable
from foundation.outcomes import CallFailed

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than any call
BATCH = 16
CONCURRENT_CALLS = 8  # the gateway's rate limit is not published

Row = TypeVar("Row", bound=models.Model)
Result = TypeVar("Result")


@transaction.atomic
def claim_due_rows(rows: models.QuerySet[Row], due_field: str) -> list[Row]:
    """Return up to BATCH rows whose ``due_field`` has passed, and postpone them by LEASE. No other caller gets them."""
    due = rows.filter(**{f"{due_field}__lte": Now()}).order_by(due_field)
    claimed = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True)[:BATCH])
    if claimed:
        postponed = {due_field: Now() + LEASE}
        rows.model._base_manager.filter(pk__in=[row.pk for row in claimed]).update(**postponed)
    return claimed


def process_rows(
    rows: Sequence[Row],
    *,
    call: Callable[[Row], Result],
    apply: Callable[[Row, Result], None],
    on_failure: Callable[[Row, CallFailed], None],
) -> int:
    """Run ``call(row)`` for several rows at a time, then ``apply`` its result or ``on_failure``; return the row count.

    ``call`` runs in a thread and must not use the database. Any other exception is logged and does not stop the other
    rows; its row is due again when its lease expires. Raises only if the database is unavailable.
    """
    with ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="due-row") as pool:
        calls = [(row, pool.submit(call, row)) for row in rows]
        for row, future in calls:
            try:
                _finish(row, future, apply, on_failure)
            except Exception as error:
                if is_database_unavailable(error):
                    raise
                log.exception("Failed to process %s %s", type(row).__name__, row.pk)
    return len(rows)


def postpone(row: models.Model, due_field: str, delay: timedelta, **fields: Any) -> None:
    """Make the row due again after ``delay``, and set ``fields``."""
    type(row)._base_manager.filter(pk=row.pk).update(**{due_field: Now() + delay}, **fields)


def _finish(
    row: Row,
    future: Future[Result],
    apply: Callable[[Row, Result], None],
    on_failure: Callable[[Row, CallFailed], None],
) -> None:
    try:
        result = future.result()
    except CallFailed as error:
        on_failure(row, error)
    else:
        apply(row, result)
