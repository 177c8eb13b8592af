"""Replies from customers. Twilio itself applies STOP and START; we mirror them, to avoid sends that it would refuse.

Where a Messaging Service has Advanced Opt-Out, Twilio applies the business's own keywords, in any language, and names
the result in ``OptOutType`` (twilio.com/docs/messaging/tutorials/advanced-opt-out): it decides. Otherwise Twilio's
default keywords do (help.twilio.com, "Twilio support for opt-out keywords").
"""

from __future__ import annotations

import re
import unicodedata
import uuid

from django.db import transaction

from foundation.texts import clean_text
from notifications.models import Channel, InboundMessage, Suppression
from notifications.operations.suppressions import lift_opt_out, lift_unreachable, suppress

STOP_KEYWORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_KEYWORDS = {"START", "YES", "UNSTOP"}
OptOut = InboundMessage.OptOut

# WhatsApp still shows numbers of these countries in an earlier form than the one in which they are dialled.
DIALLED_FORMS = [
    (re.compile(r"\+521(\d{10})$"), r"+52\1"),  # Mexico
    (re.compile(r"\+549(\d{10})$"), r"+54\1"),  # Argentina
    (re.compile(r"\+55(\d\d)([6-9]\d{7})$"), r"+55\g<1>9\2"),  # Brazil, where landlines begin with 2 to 5
]
EARLIER_FORMS = [
    (re.compile(r"\+52(\d{10})$"), r"+521\1"),
    (re.compile(r"\+54(\d{10})$"), r"+549\1"),
    (re.compile(r"\+55(\d\d)9([6-9]\d{7})$"), r"+55\1\2"),
]


@transaction.atomic
def record_inbound(fields: dict[str, str]) -> None:
    """Store the inbound message in Twilio's form ``fields`` once, and apply it.

    STOP and START change the opt-out. Any message proves that its sender can be reached.

    Twilio's requests carry no time, so replies are applied as they arrive. If a STOP and a later START overtake each
    other, Twilio still knows the order: it refuses messages to a number that has opted out, which suppresses it again.
    """
    prefix, _, address = fields.get("From", "").rpartition(":")
    channel = Channel.WHATSAPP if prefix == "whatsapp" else Channel.SMS
    # The decision needs the text as Twilio has read it; the rest is for people.
    opt_out = _opt_out_type(fields.get("OptOutType", ""), fields.get("Body", "")[:1600])
    body = clean_text(fields.get("Body", ""))[:1600]
    _, is_new = InboundMessage.objects.get_or_create(
        # A message without an id cannot be recognised as a repeat; better apply it twice than ignore a STOP.
        provider_id=fields.get("MessageSid", "")[:200] or f"unidentified:{uuid.uuid4()}",
        defaults={"channel": channel, "address": address[:254], "body": body, "fields": fields, "opt_out": opt_out},
    )
    if is_new:
        _apply(opt_out, channel, address[:254], body)


def whatsapp_forms(address: str) -> set[str]:
    """Return the address, in the forms in which WhatsApp may show it and in which it is dialled."""
    return {address, *(pattern.sub(form, address) for pattern, form in (*DIALLED_FORMS, *EARLIER_FORMS))}


def _apply(opt_out: InboundMessage.OptOut, channel: Channel, address: str, body: str) -> None:
    for form in {address, *(pattern.sub(dialled, address) for pattern, dialled in DIALLED_FORMS)}:
        if opt_out is OptOut.STOP:
            source = f"Replied {' '.join(body.split())}"
            suppress(channel=channel, address=form, reason=Suppression.Reason.OPTED_OUT, source=source)
        else:
            lift_unreachable(channel=channel, address=form)
            if opt_out is OptOut.START:
                lift_opt_out(channel=channel, address=form)


def _opt_out_type(opt_out_type: str, body: str) -> InboundMessage.OptOut:
    if opt_out_type and opt_out_type.upper() in OptOut.values:
        return OptOut(opt_out_type.upper())
    # Twilio treats only the bare keyword as STOP, but a customer who writes "Stop." means it. "Yes!" may mean anything.
    if re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", body)).upper() in STOP_KEYWORDS:
        return OptOut.STOP
    return OptOut.START if body.strip().upper() in START_KEYWORDS else OptOut.NONE
