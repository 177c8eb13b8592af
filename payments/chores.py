"""How work that is due is done: claim the rows, ask the gateway without a transaction, apply what it says.

A claim moves a row's due time ahead instead of holding a lock: whoever dies over it leaves it due again soon.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import models, transaction
from django.utils import timezone

from bookings.database import database_is_away
from payments.gateway import GatewayError

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than a chore asks the gateway
BATCH = 16
ASKING = 8  # at once: the gateway limits its callers, and publishes no number


@dataclass(frozen=True)
class Bug:
    """A fault of ours while the gateway was asked."""

    error: Exception


Row = TypeVar("Row", bound=models.Model)
Answer = TypeVar("Answer")


@transaction.atomic
def claim_due(rows: models.QuerySet[Row], due: str) -> list[Row]:
    """Return up to BATCH rows whose ``due`` column has passed, and put them off for LEASE; nobody else gets them."""
    passed = rows.filter(**{f"{due}__lte": timezone.now()}).order_by(due)
    found = list(passed.select_for_update(of=("self",), no_key=True, skip_locked=True)[:BATCH])
    if found:
        rows.model._base_manager.filter(pk__in=[row.pk for row in found]).update(**{due: timezone.now() + LEASE})
    return found


def work_off(
    rows: Sequence[Row], ask: Callable[[Row], Answer], apply: Callable[[Row, Answer | GatewayError], None]
) -> int:
    """Ask the gateway about each row, several at once, and apply what it says of each; return how many.

    ``ask`` must not touch the database. A row that fails is logged, does not stop the others, and comes up again when
    its lease is over.
    """
    with ThreadPoolExecutor(ASKING, thread_name_prefix="chore") as pool:
        for row, answer in zip(rows, pool.map(partial(_asked, ask), rows), strict=True):
            try:
                if isinstance(answer, Bug):
                    raise answer.error
                apply(row, answer)
            except Exception as error:
                if database_is_away(error):
                    raise
                log.exception("%r could not be worked off", row)
    return len(rows)


def _asked(ask: Callable[[Row], Answer], row: Row) -> Answer | GatewayError | Bug:
    try:
        return ask(row)
    except GatewayError as error:
        return error
    except Exception as error:
        return Bug(error)


def put_off(row: models.Model, due: str, wait: timedelta, **fields: Any) -> None:
    """Have the row come up again after ``wait``."""
    type(row)._base_manager.filter(pk=row.pk).update(**{due: timezone.now() + wait}, **fields)
