"""The health check."""

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from notifications.models import ChannelState


@csrf_exempt
@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 if the database responds, 503 otherwise. The body also shows the paused channels.

    They do not change the status: this host can serve requests. The body is public, so it has no texts of providers.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    paused = list(ChannelState.objects.paused().values("channel", "pause_cause", "paused_since", "backlog"))
    return JsonResponse({"status": "ok", "delivery": {"status": "paused" if paused else "ok", "paused": paused}})
