"""Mails that a milter signs with DKIM: no server on their way has a reason to change them, so they verify."""

import pytest

from tests.builders.notifications import deliver_all, make_emails
from tests.peers.opendkim import running_opendkim
from tests.peers.postfix import ids_of, running_postfix

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

BODIES = {
    "short": "Hello",
    "empty": "",
    "long lines": "\n".join(["word " * 400, "x" * 3000, "日本" * 600]),
    "non-ASCII": "Zoë Ærø 日本 नमस्ते 🎉",
    "dots at line starts": ".\n..\n.hidden\n\n.",
    "trailing blanks": "blanks   \ntab\t\n \n\n\n  ",
    "signature separator": "Hello\n-- \nThe clinic\nFrom the team\n>From here",
    "line ends": "CRLF\r\nCR\rform feed\fvertical tab\vLF\n",
    "equals signs": "=\n=20\n==\n= \nhttps://example.com/?a=b&c=d",
}


@pytest.fixture(scope="module", params=["simple/simple", "relaxed/relaxed"])
def opendkim(request):
    with running_opendkim(request.param) as milter:
        yield milter


@pytest.fixture(scope="module")
def signing_postfix(opendkim):
    with running_postfix(smtpd_forbid_bare_newline="reject", **opendkim.parameters) as server:
        yield server


def test_signature_of_every_delivered_mail_verifies(opendkim, signing_postfix, settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", signing_postfix.port
    settings.DEFAULT_FROM_EMAIL = '"Zoë, Café Köln" <bookings@example.com>'
    subject = "Ærø: 日本 " + "x" * 150
    notifications = make_emails([{"subject": subject, "body": body} for body in BODIES.values()])

    deliver_all()

    mails = signing_postfix.wait_for_mails(len(BODIES))
    assert ids_of(mails) == sorted(str(notification.pk) for notification in notifications)
    assert [opendkim.verifies(mail) for mail in mails] == [True] * len(BODIES)


def test_signature_of_a_changed_mail_does_not_verify(opendkim, signing_postfix, settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", signing_postfix.port
    settings.DEFAULT_FROM_EMAIL = "bookings@example.com"
    earlier_mails = signing_postfix.mails()
    make_emails([{"body": "At 10:00"}])

    deliver_all()

    mail = signing_postfix.wait_for_mails(len(earlier_mails) + 1)[-1]
    assert opendkim.verifies(mail)
    assert not opendkim.verifies(mail.replace(b"At 10:00", b"At 11:00"))
