"""The door for Razorpay's webhooks: verify, keep, answer. What they mean is decided by payments.inbox."""

from __future__ import annotations

import hashlib
import json
import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments.gateway.signatures import is_webhook_signature_valid
from payments.models import GatewayEvent

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes; an event has a few thousand


@csrf_exempt
@require_POST
def razorpay_webhook(request: HttpRequest) -> HttpResponse:
    """Keep what Razorpay reports, once, and answer 200. Anything but 2xx within 5 s makes Razorpay send it again, and
    a day of that makes it stop: so only what Razorpay did not sign is refused (400), or what is too large (413)."""
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return HttpResponse(status=413)
    if not is_webhook_signature_valid(body, request.headers.get("X-Razorpay-Signature", "")):
        log.warning("A webhook came without a valid signature")
        return HttpResponse(status=400)
    _keep(body, request.headers.get("X-Razorpay-Event-Id", ""))
    return HttpResponse(status=200)


def _keep(body: bytes, event_id: str) -> None:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    is_event = isinstance(event, dict) and isinstance(event.get("event"), str)
    row = GatewayEvent(
        # Without an id, the same bytes are the same event.
        event_id=event_id[:80] or "sha256:" + hashlib.sha256(body).hexdigest(),
        kind=event["event"][:60].replace("\0", "") if is_event else "unreadable",
        body=_without_nul(event) if is_event else {"unreadable": body[:2000].decode("ascii", errors="replace")},
    )
    GatewayEvent.objects.bulk_create([row], ignore_conflicts=True)


def _without_nul(value: object) -> object:
    # PostgreSQL's text holds no NUL, and JSON can say one.
    return json.loads(json.dumps(value).replace("\\u0000", ""))
