"""Twilio's callback endpoints: verify, store, respond. The lanes apply the stored receipts."""

import json
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from foundation.http.middleware import accept_any_body
from foundation.http.request_limits import limits_its_requests
from foundation.refused_callbacks import refuse_callback, reset_refused_callbacks
from notifications.providers.twilio.inbound import record_inbound
from notifications.providers.twilio.signature import is_callback_signature_valid, is_configured

# Inserts nothing if the receipt is already stored, or if there is no such notification.
INSERT_RECEIPT = """
    INSERT INTO notifications_receipt
        (notification_id, attempt_id, provider_id, provider_status, error_code, fields, received_at)
    SELECT id, %s, %s, %s, %s, %s, clock_timestamp() FROM notifications_notification WHERE id = %s
    ON CONFLICT DO NOTHING
"""
ADVICE = (
    "Twilio signs the URL that it calls: it must begin with PUBLIC_BASE_URL (%s). Check that setting, "
    "TWILIO_AUTH_TOKEN, and the URL at Twilio."
)


@accept_any_body
@limits_its_requests
@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest, notification_id: UUID, attempt_id: UUID) -> HttpResponse:
    """Store a status callback. Respond 204, 403 if Twilio did not sign it, or 404 if it is not configured."""
    fields = _signed_fields(request, "Twilio (status callbacks)")
    if isinstance(fields, HttpResponse):
        return fields
    _store_receipt(notification_id, attempt_id, fields)
    return HttpResponse(status=204)


@accept_any_body
@limits_its_requests
@csrf_exempt
@require_POST
def twilio_inbound(request: HttpRequest) -> HttpResponse:
    """Store a reply and apply STOP and START. Respond with empty TwiML, or as twilio_status does."""
    fields = _signed_fields(request, "Twilio (inbound messages)")
    if isinstance(fields, HttpResponse):
        return fields
    record_inbound(fields)
    return HttpResponse("<Response/>", content_type="text/xml")


def _signed_fields(request: HttpRequest, source: str) -> dict[str, str] | HttpResponse:
    """Return the form fields, or a 403 if Twilio did not sign them. The signature covers unknown fields, too.

    Raises Http404 if Twilio is not configured.
    """
    if not is_configured():
        raise Http404("Twilio is not configured.")
    signature = request.headers.get("X-Twilio-Signature", "")
    # The signature covers each value of a repeated field.
    if not is_callback_signature_valid(full_path=request.get_full_path(), fields=request.POST, signature=signature):
        return refuse_callback(request, source, status=403, advice=ADVICE % settings.PUBLIC_BASE_URL)
    reset_refused_callbacks(source)
    # PostgreSQL text cannot contain NUL.
    return {name.replace("\0", ""): request.POST.get(name, "").replace("\0", "") for name in request.POST}


def _store_receipt(notification_id: UUID, attempt_id: UUID, fields: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT_RECEIPT,
            [
                attempt_id,
                fields.get("MessageSid", "")[:200],
                fields.get("MessageStatus", "")[:40],
                fields.get("ErrorCode", "")[:20],
                json.dumps(fields),
                notification_id,
            ],
        )
