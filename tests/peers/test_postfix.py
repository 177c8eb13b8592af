"""E-mail to a real Postfix."""

from email import message_from_bytes, policy

import pytest

from notifications.models import Notification, Suppression
from tests.builders.bookings import CUSTOMER, make_booking
from tests.builders.notifications import deliver_all, make_notification
from tests.peers.postfix import running_postfix

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

Status = Notification.Status
STRICT = {
    "smtpd_forbid_bare_newline": "reject",
    "smtpd_forbid_bare_newline_exclusions": "",
    "smtpd_recipient_restrictions": "check_recipient_access inline:{{gone@example.com = 550 5.1.1 Unknown user}}",
}


@pytest.fixture(params=[{}, {"smtpd_discard_ehlo_keywords": "8bitmime, smtputf8"}], ids=["8BITMIME", "7 bit"])
def postfix(request, settings):
    """A Postfix that refuses bare line feeds, with and without the extensions for 8-bit text."""
    with running_postfix(**STRICT, **request.param) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def test_postfix_that_refuses_bare_line_feeds_accepts_every_email(postfix):
    name = "Zoë Ærø 日本"
    notification = make_notification(channel="email", booking=make_booking(customer={**CUSTOMER, "name": name}))

    deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error) == (Status.ACCEPTED, "")
    (mail,) = postfix.wait_for_mails(1)
    received = message_from_bytes(mail, policy=policy.default)
    assert received["Subject"] == notification.subject
    assert received.get_content().strip() == notification.body.strip()
    assert name in received.get_content()
    assert all(byte < 128 for byte in mail)


def test_unknown_user_at_postfix_is_unreachable(postfix):
    notification = make_notification(channel="email", address="gone@example.com")

    deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error_code) == (Status.FAILED, "550")
    assert "Unknown user" in notification.error
    assert Suppression.objects.get().address == "gone@example.com"
