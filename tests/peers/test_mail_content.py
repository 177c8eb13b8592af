"""Texts that are hard to send, through real mail servers."""

from email import message_from_bytes, policy

import pytest

from notifications.messages.kinds import MessageKind
from notifications.messages.render import Amount, render_messages
from notifications.models import Channel, Notification, Suppression
from tests.builders.bookings import CUSTOMER, make_booking
from tests.builders.notifications import deliver_all, make_emails, make_notification
from tests.peers.exim import running_exim
from tests.peers.mails import BODIES, FROM, SUBJECT
from tests.peers.postfix import running_postfix
from tests.threads import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

Status = Notification.Status
STRICT = {
    "smtpd_forbid_bare_newline": "reject",
    "smtpd_forbid_bare_newline_exclusions": "",
    "smtpd_recipient_restrictions": "check_recipient_access inline:{{gone@example.com = 550 5.1.1 Unknown user}}",
}
SERVERS = {
    "Postfix that refuses bare line feeds": (running_postfix, STRICT),
    "Postfix without extensions": (running_postfix, {**STRICT, "smtpd_discard_ehlo_keywords": "8bitmime, smtputf8"}),
    "Exim as Debian configures it": (running_exim, {}),
}


@pytest.fixture(params=SERVERS.values(), ids=list(SERVERS))
def mail_server(request, settings):
    start, parameters = request.param
    with start(**parameters) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.DEFAULT_FROM_EMAIL = "127.0.0.1", server.port, FROM
        yield server


def test_every_text_arrives_unchanged(mail_server):
    booking = make_booking(customer={**CUSTOMER, "name": "Zoë Ærø 日本"})
    rendered = [
        {"subject": message.subject, "body": message.body}
        for kind in MessageKind
        for message in render_messages(kind, booking, Amount(50_000, "INR"))
        if message.channel == Channel.EMAIL
    ]
    difficult = [{"subject": SUBJECT, "body": body} for body in BODIES.values()]
    notifications = make_emails(rendered + difficult, booking)

    while Notification.objects.filter(status=Status.QUEUED).exists():  # there is a limit to the messages in flight
        deliver_all()

    assert set(Notification.objects.values_list("status", "error")) == {(Status.ACCEPTED, "")}
    wait_until(lambda: len(mail_server.mails()) >= len(notifications))
    assert sorted(map(text_of, mail_server.mails())) == sorted(map(expected_text_of, notifications))
    assert all(byte < 128 for mail in mail_server.mails() for byte in mail)


def test_unknown_user_at_postfix_is_unreachable(settings):
    with running_postfix(**STRICT) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        notification = make_notification(channel="email", address="gone@example.com")

        deliver_all()

    notification.refresh_from_db()
    assert (notification.status, notification.error_code) == (Status.FAILED, "550")
    assert "Unknown user" in notification.error
    assert Suppression.objects.get().address == "gone@example.com"


def text_of(mail):
    received = message_from_bytes(mail, policy=policy.default)
    assert str(received["From"]) == FROM
    return received["To"], received["Subject"].strip(), normalise(received.get_content())


def expected_text_of(notification):
    return notification.address, notification.subject, normalise(notification.body)


def normalise(text):
    """Return the text with one kind of line end, and without those at its end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
