"""The channel registry. To add a channel, add a value to ``models.Channel``, and a module and an entry here."""

from django.conf import settings
from django.utils.text import get_text_list

from notifications.channels.base import ChannelSpec
from notifications.channels.email import EMAIL
from notifications.channels.sms import SMS
from notifications.channels.whatsapp import WHATSAPP
from notifications.models import Channel

CHANNELS: dict[Channel, ChannelSpec] = {spec.channel: spec for spec in (SMS, WHATSAPP, EMAIL)}


def channels_in_use() -> dict[Channel, ChannelSpec]:
    """Return the channels that messages are written for and sent on: those that are configured and not switched off."""
    return {channel: spec for channel, spec in CHANNELS.items() if not _off_reason(spec)}


def off_reasons() -> dict[Channel, str]:
    """Return why each of the other channels is not in use, as the end of a sentence about it."""
    reasons = {channel: _off_reason(spec) for channel, spec in CHANNELS.items()}
    return {channel: reason for channel, reason in reasons.items() if reason}


def _off_reason(spec: ChannelSpec) -> str:
    if spec.channel in settings.CHANNELS_OFF:
        return "is switched off (CHANNELS_OFF)"
    if missing := spec.missing_settings():
        return f"is not configured ({get_text_list(missing, 'and')} {'is' if len(missing) == 1 else 'are'} missing)"
    return ""
