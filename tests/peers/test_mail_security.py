"""Encryption, authentication and refused clients at a real Postfix. Messages wait until the set-up is right."""

from datetime import timedelta

import pytest

from notifications.delivery.rate_control import prepare_channels
from notifications.models import Channel, ChannelState, Notification
from tests.builders.notifications import deliver_all, make_notification
from tests.peers.clock import let_pass
from tests.peers.postfix import running_postfix
from tests.peers.secured_postfix import HOST, PASSWORD, USER, running_secured_postfix

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


@pytest.fixture(scope="module")
def secured_postfix():
    with running_secured_postfix() as secured:
        yield secured


@pytest.fixture
def email_settings(settings, secured_postfix):
    """The settings of this process, with those that ``secured_postfix`` needs."""
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = HOST, secured_postfix.server.port, True
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    settings.EMAIL_CA_FILE = secured_postfix.certificate
    return settings


def test_starttls_and_password_with_a_trusted_certificate(secured_postfix, email_settings):
    notification = make_notification(channel="email")

    deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error) == (Status.ACCEPTED, "")
    (mail,) = secured_postfix.server.wait_for_mails(1)
    assert b"using TLS" in mail


WRONG_SETTINGS = {
    "untrusted certificate": ({"EMAIL_CA_FILE": ""}, "certificate"),
    "certificate of another host": ({"EMAIL_HOST": "localhost"}, "certificate"),
    "no STARTTLS": ({"EMAIL_USE_TLS": False, "EMAIL_HOST_USER": ""}, "530"),
    "no STARTTLS, with a password": ({"EMAIL_USE_TLS": False}, "AUTH"),
    "no user": ({"EMAIL_HOST_USER": ""}, "554"),
    "wrong password": ({"EMAIL_HOST_PASSWORD": "wrong"}, "password"),
    "unknown user": ({"EMAIL_HOST_USER": "unknown"}, "password"),
}


@pytest.mark.parametrize(("wrong_settings", "reason"), WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_wrong_setting_pauses_the_channel_until_it_is_corrected(email_settings, wrong_settings, reason):
    right_settings = {name: getattr(email_settings, name) for name in wrong_settings}
    change(email_settings, wrong_settings)
    notification = assert_paused_and_waiting(reason)
    change(email_settings, right_settings)
    let_pass(timedelta(hours=1))

    deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error) == (Status.ACCEPTED, "")
    assert ChannelState.objects.get(channel=Channel.EMAIL).paused_since is None


REFUSING_SERVERS = {
    "relaying": (
        {
            "mynetworks": "192.0.2.1",
            "virtual_mailbox_domains": "",
            "smtpd_relay_restrictions": "reject_unauth_destination",
        },
        "Relay access denied",
    ),
    "relaying, for now": ({"mynetworks": "192.0.2.1", "virtual_mailbox_domains": ""}, "Relay access denied"),
    "client": ({"smtpd_client_restrictions": "reject"}, "Client host rejected"),
    "client, in the banner": ({"smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"}, "554"),
    "EHLO name": ({"smtpd_helo_restrictions": "reject"}, "Helo command rejected"),
    "sender": ({"smtpd_sender_restrictions": "reject"}, "Sender address rejected"),
}


@pytest.mark.parametrize(("parameters", "reason"), REFUSING_SERVERS.values(), ids=REFUSING_SERVERS)
def test_server_that_refuses_the_client_pauses_the_channel_and_the_message_waits(settings, parameters, reason):
    with running_postfix(**parameters) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = HOST, server.port

        assert_paused_and_waiting(reason)


def assert_paused_and_waiting(reason):
    prepare_channels()
    notification = make_notification(channel="email")

    deliver_all()

    notification.refresh_from_db()
    state = ChannelState.objects.get(channel=Channel.EMAIL)
    assert (notification.status, notification.attempts) == (Status.QUEUED, 0), notification.error
    assert reason in notification.error
    assert state.paused_since is not None
    assert reason in state.pause_reason
    return notification


def change(settings, changes):
    for name, value in changes.items():
        setattr(settings, name, value)
