from notifications.channels import CHANNELS
from notifications.models import Channel


def test_every_channel_has_an_entry_in_the_registry():
    assert set(CHANNELS) == set(Channel)
