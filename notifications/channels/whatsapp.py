"""WhatsApp, through Twilio."""

from __future__ import annotations

from collections.abc import Callable

from bookings.models import Customer
from notifications.channels.base import ChannelSpec
from notifications.channels.reachability import reason_without_whatsapp
from notifications.models import Channel
from notifications.providers.base import Accepted, OutgoingMessage
from notifications.providers.twilio.lookup import find_message
from notifications.providers.twilio.send import missing_whatsapp_settings, send_whatsapp
from notifications.providers.twilio.statuses import translate_receipt


def send(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
    return send_whatsapp(message)  # one HTTP request: there is no hand-over to wait for


def address_of(customer: Customer) -> str:
    return customer.phone


WHATSAPP = ChannelSpec(
    Channel.WHATSAPP,
    address_of,
    "whatsapp.txt",
    send,
    missing_whatsapp_settings,
    is_charged=True,
    look_up=find_message,
    translate_receipt=translate_receipt,
    unreachable_reason=reason_without_whatsapp,
)
