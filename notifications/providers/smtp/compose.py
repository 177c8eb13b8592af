"""Compose the text of an e-mail."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from foundation.clock import database_now
from notifications.providers.base import OutgoingMessage

# CRLF at every line end (RFC 5321, 2.3.8). 7-bit text needs no extension of the server, such as 8BITMIME.
SEVEN_BIT = policy.SMTP.clone(cte_type="7bit")


def can_be_composed(sender: Address) -> bool:
    """Return whether the header of this sender is read as the same sender.

    Python 3.11 folds a long display name without its quotes, so that a comma in it separates addresses.
    """
    email = EmailMessage(policy=SEVEN_BIT)
    email["From"] = sender
    header = message_from_bytes(email.as_bytes(), policy=policy.SMTP)["From"]
    return bool(header.addresses == (sender,))


def compose(message: OutgoingMessage, *, sender: Address, recipient: str) -> EmailMessage:
    """Return the e-mail; ``recipient`` is in ASCII."""
    email = EmailMessage(policy=SEVEN_BIT)
    email["From"] = sender
    email["To"] = Address(addr_spec=recipient)
    email["Subject"] = " ".join(message.subject.split())
    email["Date"] = format_datetime(database_now())
    # The same id for every attempt, so that a mailbox that gets the message twice can recognise the duplicate.
    email["Message-ID"] = f"<{message.id}@{sender.domain}>" if message.id else make_msgid(domain=sender.domain)
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(message.body)
    return email
