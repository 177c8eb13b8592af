"""Receive Razorpay's webhooks: verify, store, respond. ``polling.webhook_events`` processes the events."""

from __future__ import annotations

import hashlib
import logging

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from foundation.http.middleware import accept_any_body
from foundation.http.request_limits import limits_its_requests
from foundation.refused_callbacks import refuse_callback, reset_refused_callbacks
from payments.gateway.errors import UnreadableEntity
from payments.gateway.signatures import are_webhooks_configured, is_webhook_signature_valid
from payments.gateway.webhook_body import pack_unreadable, read_event
from payments.models import GatewayEvent

log = logging.getLogger(__name__)

SOURCE = "Razorpay (webhooks)"
ADVICE = "RAZORPAY_WEBHOOK_SECRETS must have the secret that is set in Razorpay's Dashboard for the webhook."
MAX_BYTES = 256 * 1024  # an event has a few kilobytes


@accept_any_body
@limits_its_requests
@csrf_exempt
@require_POST
def razorpay_webhook(request: HttpRequest) -> HttpResponse:
    """Store a Razorpay event once, even if it cannot be read, and respond 200.

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
        return refuse_callback(request, SOURCE, status=400, advice=ADVICE)
    reset_refused_callbacks(SOURCE)
    _store(body, request.headers.get("X-Razorpay-Event-Id", ""))
    return HttpResponse(status=200)


def _store(body: bytes, event_id: str) -> None:
    # Identify an event without an id by its bytes.
    row = GatewayEvent(event_id=event_id[:80] or "sha256:" + hashlib.sha256(body).hexdigest())
    try:
        row.body = read_event(body)
        row.kind = row.body["event"][:60]
    except UnreadableEntity as reason:
        # Razorpay would only send the same again. The reconciliation page lists it.
        log.error("Storing an unreadable gateway event: %s", reason)
        row.body, row.kind = pack_unreadable(body), GatewayEvent.UNREADABLE
        row.state, row.error, row.next_try_at = GatewayEvent.State.IGNORED, str(reason)[:250], None
    GatewayEvent.objects.bulk_create([row], ignore_conflicts=True)
