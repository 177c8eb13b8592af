"""What people write back. Twilio itself obeys STOP and START; we mirror them, so as not to try in vain.

The words are Twilio's defaults for long codes (twilio.com/docs, "Twilio support for opt-out keywords").
"""

from __future__ import annotations

from django.db import transaction

from notifications.models import InboundMessage, Notification, Suppression
from notifications.operations.suppressions import lift_opt_out, suppress

STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "YES", "UNSTOP"}

Channel = Notification.Channel


@transaction.atomic
def record_inbound(fields: dict[str, str]) -> None:
    """Keep an inbound message of Twilio's form ``fields`` once; obey it if it is STOP or START."""
    sender = fields.get("From", "")
    channel = Channel.WHATSAPP if sender.startswith("whatsapp:") else Channel.SMS
    address = sender.removeprefix("whatsapp:")[:254]
    body = fields.get("Body", "")[:1600]
    _, is_new = InboundMessage.objects.get_or_create(
        provider_id=fields.get("MessageSid", "")[:200],
        defaults={"channel": channel, "address": address, "body": body, "fields": fields},
    )
    word = body.strip().upper()
    if is_new and word in STOP_WORDS:
        suppress(channel=channel, address=address, reason=Suppression.Reason.OPTED_OUT, source=f"They wrote {word}")
    elif is_new and word in START_WORDS:
        lift_opt_out(channel=channel, address=address)
