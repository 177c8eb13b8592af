"""Replies from customers. Twilio itself applies STOP and START; we mirror them, to avoid sends that it would refuse.

The keywords are Twilio's defaults for long codes (twilio.com/docs, "Twilio support for opt-out keywords").
"""

from __future__ import annotations

from django.db import transaction

from notifications.models import Channel, InboundMessage, Suppression
from notifications.operations.suppressions import lift_opt_out, suppress

STOP_KEYWORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_KEYWORDS = {"START", "YES", "UNSTOP"}


@transaction.atomic
def record_inbound(fields: dict[str, str]) -> None:
    """Store the inbound message in Twilio's form ``fields`` once, and apply it if it is STOP or START."""
    sender = fields.get("From", "")
    channel = Channel.WHATSAPP if sender.startswith("whatsapp:") else Channel.SMS
    address = sender.removeprefix("whatsapp:")[:254]
    body = fields.get("Body", "")[:1600]
    _, is_new = InboundMessage.objects.get_or_create(
        provider_id=fields.get("MessageSid", "")[:200],
        defaults={"channel": channel, "address": address, "body": body, "fields": fields},
    )
    keyword = body.strip().upper()
    if is_new and keyword in STOP_KEYWORDS:
        reason = Suppression.Reason.OPTED_OUT
        suppress(channel=channel, address=address, reason=reason, source=f"Replied {keyword}")
    elif is_new and keyword in START_KEYWORDS:
        lift_opt_out(channel=channel, address=address)
