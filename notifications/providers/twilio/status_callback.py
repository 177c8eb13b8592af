"""Doors for the providers' callbacks: verify, keep, answer. What they mean is decided by notifications.receipts."""

import json
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications.providers.twilio.inbound import record_inbound
from notifications.providers.twilio.signature import is_callback_signature_valid


@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest, notification_id: UUID, attempt_id: UUID) -> HttpResponse:
    """Keep what Twilio reports. 403 for what Twilio did not sign; 204 for all else, or Twilio sends it again."""
    fields = _genuine_fields(request)
    if fields is None:
        return HttpResponse(status=403)
    _keep(notification_id, attempt_id, fields)
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def twilio_inbound(request: HttpRequest) -> HttpResponse:
    """Keep what somebody wrote back, and mirror STOP and START. 403 for what Twilio did not sign; empty TwiML else."""
    fields = _genuine_fields(request)
    if fields is None:
        return HttpResponse(status=403)
    record_inbound(fields)
    return HttpResponse("<Response/>", content_type="text/xml")


def _genuine_fields(request: HttpRequest) -> dict[str, str] | None:
    """Return the form if Twilio signed it. Twilio adds fields without notice: the signature covers whatever came."""
    fields = {name: request.POST.get(name, "") for name in request.POST}
    signature = request.headers.get("X-Twilio-Signature", "")
    is_genuine = is_callback_signature_valid(full_path=request.get_full_path(), fields=fields, signature=signature)
    # PostgreSQL's text holds no NUL.
    return {name: value.replace("\0", "") for name, value in fields.items()} if is_genuine else None


def _keep(notification_id: UUID, attempt_id: UUID, fields: dict[str, str]) -> None:
    """Insert the receipt unless it is here already or is about a message that we do not know."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO notifications_receipt
                   (notification_id, attempt_id, provider_id, provider_status, error_code, fields, received_at)
               SELECT id, %s, %s, %s, %s, %s, clock_timestamp() FROM notifications_notification WHERE id = %s
               ON CONFLICT DO NOTHING""",
            [
                attempt_id,
                fields.get("MessageSid", "")[:200],
                fields.get("MessageStatus", "")[:40],
                fields.get("ErrorCode", "")[:20],
                json.dumps(fields),
                notification_id,
            ],
        )
