"""Mails that a milter signs with DKIM: no server on their way has a reason to change them, so they verify."""

import pytest

from tests.builders.notifications import deliver_all, make_emails
from tests.peers.mails import BODIES, FROM, SUBJECT, ids_of
from tests.peers.opendkim import running_opendkim
from tests.peers.postfix import running_postfix

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]


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
    settings.DEFAULT_FROM_EMAIL = FROM
    notifications = make_emails([{"subject": SUBJECT, "body": body} for body in BODIES.values()])

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
