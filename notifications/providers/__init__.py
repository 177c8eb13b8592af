"""One module per provider. ``send`` and ``find`` are all the rest of Daybook knows of them."""

from collections.abc import Callable
from datetime import datetime

from notifications.models import Notification
from notifications.providers.base import Accepted, OutgoingMessage
from notifications.providers.smtp.send import send_email
from notifications.providers.twilio.lookup import find_message
from notifications.providers.twilio.send import send_sms, send_whatsapp

Channel = Notification.Channel


def send(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
    """Send one message; block until the provider answers. Raises Rejected, NotSent or OutcomeUnknown.

    ``may_hand_over()`` is asked right before the step that cannot be taken back, where the protocol has one.
    """
    if message.channel == Channel.EMAIL:
        return send_email(message, may_hand_over=may_hand_over)
    return send_sms(message) if message.channel == Channel.SMS else send_whatsapp(message)


def can_be_asked(channel: Notification.Channel) -> bool:
    """Whether the channel's provider can say what it accepted. A plain mail server cannot."""
    return channel in (Channel.SMS, Channel.WHATSAPP)


def find(*, channel: Notification.Channel, address: str, body: str, since: datetime) -> Accepted | None:
    """Return the message if the provider has it, None if it has not. Raises OutcomeUnknown if it does not say."""
    return find_message(channel=channel, address=address, body=body, since=since)
