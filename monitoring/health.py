"""The health check."""

import logging

from django.db import ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from foundation.http.problems import DATABASE_UNAVAILABLE, problem_response
from foundation.http.request_limits import limits_its_requests, refuse_beyond_limit
from notifications.models import ChannelState

log = logging.getLogger(__name__)


@limits_its_requests
@csrf_exempt
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 if the database responds and has our tables, 503 otherwise. The body also shows the paused channels.

    They do not change the status: this host can serve requests. The body is public, so it has no texts of providers.
    """
    try:
        throttled = refuse_beyond_limit(request)
        if throttled is not None:
            return throttled
        paused = list(ChannelState.objects.paused().values("channel", "pause_cause", "paused_since", "backlog"))
    except ProgrammingError as error:
        first_line = str(error).splitlines()[0]
        log.error("The database has the tables of another version; run manage.py migrate: %s", first_line)
        return problem_response(request, DATABASE_UNAVAILABLE)
    return JsonResponse({"status": "ok", "delivery": {"status": "paused" if paused else "ok", "paused": paused}})
