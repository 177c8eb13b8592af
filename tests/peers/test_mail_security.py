"""Encryption and authentication with a real Postfix."""

import pytest

from notifications.models import Notification
from tests.builders.notifications import deliver_all, make_notification
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
