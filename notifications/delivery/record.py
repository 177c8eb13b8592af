"""Record hand-overs and outcomes, fenced by the lease token."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from psycopg2.extras import execute_values

from notifications.delivery.pauses import adjust_channels
from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification
from notifications.operations.suppressions import suppress_after
from notifications.providers.base import ChannelNotReady

RECORD_HAND_OVERS = """
    UPDATE notifications_attempt a SET phase = 'handover' FROM notifications_notification n
    WHERE a.id = ANY(%s::uuid[]) AND n.id = a.notification_id AND n.status = 'sending'
      AND n.lease_token = a.id AND n.lease_until > clock_timestamp() AND n.superseded_at IS NULL
    RETURNING a.id
"""

_COLUMNS = "(id, token, status, provider_id, http_status, code, detail, retry_in, uncounted, is_channel_fault)"

# Rows are locked in the order of their ids, so that transactions that wait for each other's rows cannot deadlock.
LOCK_NOTIFICATIONS = """
    SELECT id FROM notifications_notification WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

RECORD_ATTEMPTS = f"""
    UPDATE notifications_attempt a
    SET ended_at = clock_timestamp(), outcome = v.status, http_status = v.http_status::int,
        error_code = v.code, detail = v.detail
    FROM (VALUES %s) AS v {_COLUMNS} WHERE a.id = v.token::uuid
"""  # noqa: S608 - constants

RECORD_NOTIFICATIONS = f"""
    UPDATE notifications_notification n
    SET status = v.status, lease_until = NULL, lease_token = NULL,
        provider_id = CASE WHEN v.provider_id <> '' THEN v.provider_id ELSE n.provider_id END,
        error_code = v.code, error = v.detail, attempts = n.attempts - v.uncounted,
        -- At the latest, it is due when it expires: until that is marked, it delays the booking's later messages.
        due_at = least(coalesce(clock_timestamp() + make_interval(secs => v.retry_in::float), n.due_at),
                       CASE WHEN v.status = 'queued' THEN n.expires_at END),
        channel_fault_at = CASE WHEN v.is_channel_fault THEN clock_timestamp() END,
        unknown_since = CASE WHEN v.status = 'unknown' THEN clock_timestamp() ELSE n.unknown_since END,
        accepted_at = CASE WHEN v.status = 'accepted' THEN clock_timestamp() ELSE n.accepted_at END
    FROM (VALUES %s) AS v {_COLUMNS}
    WHERE n.id = v.id::uuid
      AND (n.status = 'sending' AND n.lease_token = v.token::uuid
           OR n.status IN ('unknown', 'held') AND v.status <> 'unknown'  -- it was taken back, and is decided now
              AND v.token::uuid = (SELECT id FROM notifications_attempt
                                   WHERE notification_id = n.id ORDER BY number DESC LIMIT 1))
    RETURNING n.id
"""  # noqa: S608 - constants


def record_hand_overs(attempt_ids: list[UUID]) -> set[UUID]:
    """Record that these attempts are about to hand over their text; return those whose lease is still valid.

    An attempt that is not returned must not continue: another worker may have claimed its notification, or a change has
    made it outdated.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECORD_HAND_OVERS, [[str(id) for id in attempt_ids]])
        return {id for (id,) in cursor.fetchall()}


def record_outcomes(outcomes: list[Outcome]) -> int:
    """Record the outcomes, adjust rate control, and suppress refused addresses; return how many notifications changed.

    A sender whose lease was taken back is late. Its outcome counts nevertheless if the notification waits for one, and
    has not been attempted again. Its attempt keeps the outcome in any case, since it did happen.
    """
    if not outcomes:
        return 0
    rows = [_row(outcome) for outcome in outcomes]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_NOTIFICATIONS, [[str(outcome.message.id) for outcome in outcomes]])
        execute_values(cursor.cursor, RECORD_ATTEMPTS, rows)
        changed_ids = execute_values(cursor.cursor, RECORD_NOTIFICATIONS, rows, fetch=True)
        adjust_channels(outcomes)
        for outcome in sorted(outcomes, key=lambda outcome: (outcome.message.channel, outcome.message.address)):
            _suppress_refused_recipient(outcome)
        return len(changed_ids)


def _row(outcome: Outcome) -> tuple[object, ...]:
    response = outcome.error or outcome.accepted
    is_unknown = outcome.status == Notification.Status.UNKNOWN
    return (
        str(outcome.message.id),
        str(outcome.message.attempt_id),
        outcome.status.value,
        outcome.accepted.provider_id if outcome.accepted else "",
        response.http_status if response else None,
        outcome.error.code[:20] if outcome.error else "",
        str(outcome.error or "")[:250],
        settings.LOOKUP_SETTLE_SECONDS if is_unknown else outcome.retry_in,
        int(not outcome.counts_as_attempt),
        isinstance(outcome.error, ChannelNotReady),
    )


def _suppress_refused_recipient(outcome: Outcome) -> None:
    if outcome.error:
        message = outcome.message
        suppress_after(type(outcome.error), channel=message.channel, address=message.address, source=str(outcome.error))
