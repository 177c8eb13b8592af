from uuid import uuid4

import pytest

from notifications.models import Channel
from notifications.providers.base import OutgoingMessage
from notifications.providers.smtp.pool import connections
from notifications.providers.smtp.send import send_email
from tests.notifications.providers.smtp.scripted_server import scripted_server


@pytest.fixture
def serve(settings):
    """Return a function that runs a scripted server and makes it the mail server of the settings."""
    running = []

    def start(*scripts, **options):
        server = scripted_server(*scripts, **options)
        running.append(server)
        scripted = server.__enter__()
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", scripted.port
        return scripted

    with connections.keeping():
        yield start
    connections.close_all()
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def send():
    """Return a function that sends an e-mail and returns what send_email returned or raised."""

    def send_one(address="meera@example.com", subject="Booked", body="Your visit.", may_hand_over=lambda: True):
        message = OutgoingMessage(uuid4(), uuid4(), 1, Channel.EMAIL, address, subject, body)
        return send_email(message, may_hand_over=may_hand_over)

    return send_one
