"""Record outcomes and hand-overs, fenced by the lease token."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from psycopg2.extras import execute_values

from notifications.delivery.rate_control import lower_limits
from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification
from notifications.operations.suppressions import suppress_refused


def record_hand_overs(attempt_ids: list[UUID]) -> set[UUID]:
    """Write that these tries are about to hand their text over; return those whose lease still holds.

    A try that is not returned must not go on: its message may belong to somebody else by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_attempt a SET phase = 'handover' FROM notifications_notification n
               WHERE a.id = ANY(%s::uuid[]) AND n.id = a.notification_id AND n.status = 'sending'
                 AND n.lease_token = a.id AND n.lease_until > clock_timestamp()
               RETURNING a.id""",
            [[str(id) for id in attempt_ids]],
        )
        return {id for (id,) in cursor.fetchall()}


def record_outcomes(outcomes: list[Outcome]) -> int:
    """Write what the tries came to, and what follows for their channels and addresses; return how many rows moved.

    The lease token is the fence: a sender that comes back after its lease was taken away moves no row. The attempt
    keeps its outcome all the same, since it did happen.
    """
    if not outcomes:
        return 0
    rows = [_row(outcome) for outcome in outcomes]
    with transaction.atomic(), connection.cursor() as cursor:
        execute_values(cursor.cursor, _RECORD_ATTEMPTS, rows)
        moved = execute_values(cursor.cursor, _RECORD_NOTIFICATIONS, rows, fetch=True)
        lower_limits(outcomes)
        suppress_refused(outcomes)
        return len(moved)


def _row(outcome: Outcome) -> tuple[object, ...]:
    answer = outcome.error or outcome.receipt
    return (
        str(outcome.message.id),
        str(outcome.message.attempt_id),
        outcome.status.value,
        outcome.receipt.provider_id if outcome.receipt else "",
        answer.http_status if answer else None,
        outcome.error.code[:20] if outcome.error else "",
        str(outcome.error or "")[:250],
        settings.LOOKUP_SETTLE_SECONDS if outcome.status == Notification.Status.UNKNOWN else outcome.again_in,
        int(not outcome.counts),
    )


_COLUMNS = "(id, token, status, provider_id, http_status, code, detail, again_in, uncounted)"


_RECORD_ATTEMPTS = f"""
    UPDATE notifications_attempt a
    SET ended_at = clock_timestamp(), outcome = v.status, http_status = v.http_status::int,
        error_code = v.code, detail = v.detail
    FROM (VALUES %s) AS v {_COLUMNS} WHERE a.id = v.token::uuid
"""  # noqa: S608 - the columns are ours


_RECORD_NOTIFICATIONS = f"""
    UPDATE notifications_notification n
    SET status = v.status, lease_until = NULL, lease_token = NULL,
        provider_id = CASE WHEN v.provider_id <> '' THEN v.provider_id ELSE n.provider_id END,
        error_code = v.code, error = v.detail, attempts = n.attempts - v.uncounted,
        due_at = CASE WHEN v.status IN ('queued', 'unknown')
                      THEN clock_timestamp() + make_interval(secs => v.again_in) ELSE n.due_at END,
        unknown_since = CASE WHEN v.status = 'unknown' THEN clock_timestamp() ELSE n.unknown_since END,
        accepted_at = CASE WHEN v.status = 'accepted' THEN clock_timestamp() ELSE n.accepted_at END
    FROM (VALUES %s) AS v {_COLUMNS}
    WHERE n.id = v.id::uuid AND n.status = 'sending' AND n.lease_token = v.token::uuid
    RETURNING n.id
"""  # noqa: S608 - the columns are ours
