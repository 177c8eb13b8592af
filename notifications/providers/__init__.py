"""One module per provider. ``send`` is all the rest of Daybook knows of them."""

from notifications.models import Notification
from notifications.providers import smtp, twilio
from notifications.providers.base import Accepted, Outgoing

_SEND = {
    Notification.Channel.SMS: twilio.send_sms,
    Notification.Channel.WHATSAPP: twilio.send_whatsapp,
    Notification.Channel.EMAIL: smtp.send_email,
}


def send(message: Outgoing) -> Accepted:
    """Send one message; block until the provider answers. Raises Rejected, NotSent or OutcomeUnknown."""
    return _SEND[message.channel](message)
