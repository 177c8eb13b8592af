import pytest

from config.settings.providers import CHANNEL_NAMES
from notifications.channels import CHANNELS, channels_in_use, off_reasons
from notifications.models import Channel

TWILIO = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")


def test_every_channel_has_an_entry_in_the_registry():
    assert set(CHANNELS) == set(Channel) == set(CHANNEL_NAMES)


def test_configured_channels_are_in_use():
    assert (list(channels_in_use()), off_reasons()) == (list(CHANNELS), {})


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize(
    ("missing", "channels"),
    [
        ("TWILIO_ACCOUNT_SID", ["sms", "whatsapp"]),
        ("TWILIO_AUTH_TOKEN", ["sms", "whatsapp"]),
        ("TWILIO_SMS_FROM", ["sms"]),
        ("TWILIO_WHATSAPP_FROM", ["whatsapp"]),
        ("EMAIL_URL", ["email"]),
    ],
)
def test_channel_with_a_missing_or_blank_setting_is_not_in_use(settings, missing, channels, blank):
    setattr(settings, missing, blank)

    assert list(off_reasons()) == channels
    assert all(f"is not configured ({missing}" in reason for reason in off_reasons().values())
    assert set(channels_in_use()) == set(Channel) - set(channels)


def test_messaging_service_replaces_the_number_that_sends_sms(settings):
    settings.TWILIO_SMS_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "", "MG" + "0" * 32

    assert off_reasons() == {}


def test_every_missing_setting_is_named(settings):
    for name in (*TWILIO, "TWILIO_WHATSAPP_FROM"):
        setattr(settings, name, "")

    assert off_reasons()[Channel.WHATSAPP] == (
        "is not configured (TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_WHATSAPP_FROM are missing)"
    )


def test_channel_that_is_switched_off_is_not_in_use_although_it_is_configured(settings):
    settings.CHANNELS_OFF = ["whatsapp"]

    assert off_reasons() == {Channel.WHATSAPP: "is switched off (CHANNELS_OFF)"}
