"""E-mail, through SMTP. A mail server cannot be asked later what it accepted."""

from __future__ import annotations

from bookings.models import Customer
from notifications.channels.base import ChannelSpec
from notifications.models import Channel
from notifications.providers.smtp.pool import connections
from notifications.providers.smtp.send import missing_email_settings, send_email


def address_of(customer: Customer) -> str:
    return customer.email


def reason_without_email(address: str) -> str:
    """Return why there is no e-mail to this address, or "" if there is one: staff may book without it."""
    return "" if address else "The customer has no email address."


EMAIL = ChannelSpec(
    Channel.EMAIL,
    address_of,
    "email.txt",
    send_email,
    missing_email_settings,
    is_charged=False,
    unreachable_reason=reason_without_email,
    has_subject=True,
    has_hand_over=True,
    keeping_connections=connections.keeping,
)
