"""Encryption, against the server of aiosmtpd with certificates from a CA of the test."""

import ssl

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.send_attempt import deliver
from notifications.models import Notification
from notifications.providers.base import ChannelBroken
from notifications.providers.smtp.pool import connections
from runtime.processes import free_port
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


class Inbox(MessageHandler):
    def __init__(self):
        super().__init__()
        self.subjects = []

    def handle_message(self, message):
        self.subjects.append(message["Subject"])


@pytest.fixture
def ca():
    return trustme.CA()


@pytest.fixture(params=["EMAIL_USE_SSL", "EMAIL_USE_TLS"])
def mail_server(request, settings, ca):
    """Return a function that starts a mail server with a certificate for a host, and returns its inbox."""
    controllers = []

    def start(host):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert(host).configure_cert(context)
        is_implicit = request.param == "EMAIL_USE_SSL"
        options = {"ssl_context": context} if is_implicit else {"tls_context": context, "require_starttls": True}
        inbox = Inbox()
        controller = Controller(inbox, hostname="127.0.0.1", port=free_port(0), **options)
        controller.start()
        controllers.append(controller)
        settings.EMAIL_HOST, settings.EMAIL_PORT = controller.hostname, controller.port
        setattr(settings, request.param, True)
        return inbox

    yield start
    connections.close_all()
    for controller in controllers:
        controller.stop()


def send():
    make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")
    return deliver(message, may_hand_over=lambda: True)


def test_mail_server_with_a_trusted_certificate_gets_the_email(mail_server, settings, ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings.EMAIL_CA_FILE = str(tmp_path / "ca.pem")
    inbox = mail_server("127.0.0.1")

    assert (send().status, len(inbox.subjects)) == (Status.ACCEPTED, 1)


def test_mail_server_with_a_certificate_of_an_unknown_ca_gets_nothing(mail_server):
    inbox = mail_server("127.0.0.1")

    outcome = send()

    assert (outcome.status, inbox.subjects) == (Status.QUEUED, [])
    assert isinstance(outcome.error, ChannelBroken)
    assert "certificate" in str(outcome.error)


def test_mail_server_with_a_certificate_for_another_host_gets_nothing(mail_server, settings, ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings.EMAIL_CA_FILE = str(tmp_path / "ca.pem")
    inbox = mail_server("mail.example.com")

    outcome = send()

    assert (outcome.status, inbox.subjects) == (Status.QUEUED, [])
    assert isinstance(outcome.error, ChannelBroken)
    assert "certificate" in str(outcome.error)
