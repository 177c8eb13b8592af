"""Receive Razorpay's webhooks: verify, store, respond. ``polling.webhook_events`` processes the events."""

from __future__ import annotations

import hashlib
import json

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from foundation.refused_callbacks import count_refused_callback, reset_refused_callbacks
from payments.gateway.signatures import are_webhooks_configured, is_webhook_signature_valid
from payments.models import GatewayEvent

SOURCE = "Razorpay (webhooks)"
ADVICE = "RAZORPAY_WEBHOOK_SECRETS must have the secret that is set in Razorpay's Dashboard for the webhook."
MAX_BYTES = 256 * 1024  # an event has a few kilobytes


@csrf_exempt
@require_POST
def razorpay_webhook(request: HttpRequest) -> HttpResponse:
    """Store a Razorpay event once, and respond 200.

    Without a 2xx response within 5 s, Razorpay retries, and disables the webhook after a day of failures. So this
    refuses only events without a valid signature (400) and oversized events (413), and all of them if Razorpay is not
    configured (404).
    """
    if not are_webhooks_configured():
        raise Http404("Razorpay's webhooks are not configured.")
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return HttpResponse(status=413)
    if not is_webhook_signature_valid(body, request.headers.get("X-Razorpay-Signature", "")):
        count_refused_callback(SOURCE, advice=ADVICE)
        return HttpResponse(status=400)
    reset_refused_callbacks(SOURCE)
    _store(body, request.headers.get("X-Razorpay-Event-Id", ""))
    return HttpResponse(status=200)


def _store(body: bytes, event_id: str) -> None:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    is_event = isinstance(event, dict) and isinstance(event.get("event"), str)
    row = GatewayEvent(
        # Identify an event without an id by its bytes.
        event_id=event_id[:80] or "sha256:" + hashlib.sha256(body).hexdigest(),
        kind=event["event"][:60].replace("\0", "") if is_event else "unreadable",
        body=_without_nul(event) if is_event else {"unreadable": body[:2000].decode("ascii", errors="replace")},
    )
    GatewayEvent.objects.bulk_create([row], ignore_conflicts=True)


def _without_nul(value: object) -> object:
    # PostgreSQL's text cannot store NUL, which JSON can contain.
    return json.loads(json.dumps(value).replace("\\u0000", ""))
