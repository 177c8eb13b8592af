"""Send e-mail. The outcome depends on how far the SMTP dialogue got."""

from __future__ import annotations

from collections.abc import Callable
from email.errors import MessageError

from django.conf import settings

from foundation.email_addresses import to_ascii_address
from notifications.providers.base import Accepted, ChannelBroken, OutgoingMessage, ProviderError, ProviderRejected
from notifications.providers.smtp.compose import compose
from notifications.providers.smtp.configuration import Configuration, InvalidConfiguration, current_configuration
from notifications.providers.smtp.connection import Connection, Deadline, Transfer
from notifications.providers.smtp.pool import connections

SECONDS_BEFORE_HAND_OVER = 120.0  # for all steps together


def missing_email_settings() -> list[str]:
    """Return the settings without which no e-mail can be sent."""
    return [] if settings.EMAIL_URL.strip() else ["EMAIL_URL"]


def send_email(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
    """Send an e-mail. Raises ProviderError; ProviderOutcomeUnknown if the server did not respond after the hand-over.

    ``may_hand_over()`` is called before the text is sent; if it returns False, nothing is sent.
    """
    try:
        configuration = current_configuration()
    except InvalidConfiguration as error:
        raise ChannelBroken(str(error)) from error
    try:
        recipient = to_ascii_address(message.address)
    except ValueError as error:
        raise ProviderRejected("Mail servers do not accept this address.") from error
    try:
        email = compose(message, sender=configuration.sender, recipient=recipient)
        text = email.as_bytes()
    except (MessageError, ValueError) as error:  # for example of a character that has no encoding
        raise ProviderRejected(f"The e-mail cannot be composed ({type(error).__name__}).") from error
    _send(Transfer(recipient, text, may_hand_over), configuration)
    return Accepted(provider_id=str(email["Message-ID"]))


def _send(transfer: Transfer, configuration: Configuration) -> None:
    """Send through an idle connection, or through a new one if there is none, or its server has closed it."""
    deadline = Deadline(seconds=SECONDS_BEFORE_HAND_OVER, step_seconds=configuration.step_seconds)
    idle = connections.take(configuration)
    if idle is not None:
        try:
            _send_through(idle, transfer, deadline)
        except ProviderError:
            if not idle.was_closed_by_server:
                raise
        else:
            return
    _send_through(Connection(configuration, deadline), transfer, deadline)


def _send_through(connection: Connection, transfer: Transfer, deadline: Deadline) -> None:
    try:
        connection.send(transfer, deadline)
    except BaseException:
        connection.close()
        raise
    connections.keep(connection)
