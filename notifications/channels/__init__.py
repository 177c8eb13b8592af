"""The channel registry. To add a channel, add a value to ``models.Channel``, and a module and an entry here."""

from notifications.channels.base import ChannelSpec
from notifications.channels.email import EMAIL
from notifications.channels.sms import SMS
from notifications.channels.whatsapp import WHATSAPP
from notifications.models import Channel

CHANNELS: dict[Channel, ChannelSpec] = {spec.channel: spec for spec in (SMS, WHATSAPP, EMAIL)}
