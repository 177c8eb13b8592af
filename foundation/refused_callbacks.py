"""Refuse callbacks with an invalid signature, and report those that are refused in a row: with a wrong URL or secret, a
provider's reports would be lost silently.

They are counted in the database, because each web process receives only some of them.
"""

from __future__ import annotations

import logging

from django.db import connection
from django.http import HttpRequest, HttpResponse

from foundation.http.problem_texts import FRAMEWORK_TEXTS, Problem
from foundation.http.problems import problem_response
from foundation.http.request_limits import refuse_beyond_limit
from foundation.models import CallbackSource

log = logging.getLogger(__name__)

ALERT_AT = 20
REQUEST_COST = 3  # the body was read and its signature computed
COUNT_REFUSAL = """
    UPDATE foundation_callbacksource SET refused = refused + 1 WHERE name = %s AND refused < %s RETURNING refused
"""


def refuse_callback(request: HttpRequest, source: str, *, status: int, advice: str) -> HttpResponse:
    """Count a callback whose signature is invalid, and respond with ``status`` and what the operator should check.

    Beyond the limit of requests of its client, respond 429.
    """
    throttled = refuse_beyond_limit(request, REQUEST_COST)
    if throttled is not None:
        return throttled
    count_refused_callback(source, advice=advice)
    code = "callback_not_signed"
    explanation, _ = FRAMEWORK_TEXTS[code]
    return problem_response(request, Problem(status, code, f"{explanation} {advice}"))


def count_refused_callback(source: str, *, advice: str) -> None:
    """Count a callback whose signature is invalid. The twentieth in a row is logged as an error, with ``advice``.

    Further ones change nothing, so that an unknown caller cannot make us write rows or log lines without end.
    """
    CallbackSource.objects.bulk_create([CallbackSource(name=source, refused=0)], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_REFUSAL, [source, ALERT_AT])
        if cursor.fetchone() == (ALERT_AT,):
            log.error("%d callbacks in a row from %s were refused: invalid signature. %s", ALERT_AT, source, advice)


def reset_refused_callbacks(source: str) -> None:
    """Start counting from zero, after a valid callback."""
    CallbackSource.objects.filter(name=source, refused__gt=0).update(refused=0)
