"""How to connect to the mail server, and as which sender: the settings, parsed and validated."""

from __future__ import annotations

import re
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from foundation.email_addresses import parse_sender, to_public_domain
from notifications.providers.smtp.compose import can_be_composed

ADDRESS_LITERAL = re.compile(r"\[(\d+(\.\d+){3}|IPv6:[0-9A-Fa-f:.]+)\]\Z")  # RFC 5321, 4.1.3


_tls_context_lock = threading.Lock()  # without it, threads that start together would each create one


class InvalidConfiguration(ValueError):
    """A setting of the mail server is not valid. The text names it."""


@dataclass(frozen=True)
class Configuration:
    """``ehlo_name``: the name of this host in EHLO; empty: use the address of the connection.

    ``step_seconds``: how long each step before the hand-over may take; ``response_seconds``: how long to wait for the
    response to the end of the text.
    """

    host: str
    port: int
    has_implicit_tls: bool
    has_starttls: bool
    user: str
    password: str
    tls_context: ssl.SSLContext
    sender: Address
    ehlo_name: str
    step_seconds: float
    response_seconds: float


def current_configuration() -> Configuration:
    """Return the configuration of the settings. Raises InvalidConfiguration."""
    if settings.EMAIL_URL and not settings.EMAIL_HOST:
        raise InvalidConfiguration(
            "EMAIL_URL does not name a mail server. Example: smtp+tls://user:password@mail.example.com:587"
        )
    if settings.EMAIL_RESPONSE_SECONDS <= 0:
        raise InvalidConfiguration("EMAIL_RESPONSE_SECONDS must be at least 1 second: the wait for the mail server.")
    sender = _sender()
    return Configuration(
        host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        has_implicit_tls=settings.EMAIL_USE_SSL,
        has_starttls=settings.EMAIL_USE_TLS,
        user=settings.EMAIL_HOST_USER or "",
        password=settings.EMAIL_HOST_PASSWORD or "",
        tls_context=_tls_context(settings.EMAIL_CA_FILE),
        sender=sender,
        ehlo_name=_ehlo_name(sender),
        step_seconds=settings.EMAIL_TIMEOUT,
        response_seconds=settings.EMAIL_RESPONSE_SECONDS,
    )


@register
def check_configuration(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Report invalid settings at start."""
    try:
        current_configuration()
    except InvalidConfiguration as error:
        return [Error(str(error), id="notifications.E001")]
    return []


def _tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the context that verifies the server's certificate and its host name: the same one for all threads."""
    with _tls_context_lock:
        return _create_tls_context(ca_file)


@cache
def _create_tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # of the file, or of its content
        raise InvalidConfiguration(f"EMAIL_CA_FILE cannot be read: {error}") from error


def _sender() -> Address:
    try:
        sender = parse_sender(settings.DEFAULT_FROM_EMAIL)
    except ValueError as error:
        raise InvalidConfiguration(f"DEFAULT_FROM_EMAIL is not valid: {error}") from error
    if not can_be_composed(sender):
        raise InvalidConfiguration("DEFAULT_FROM_EMAIL is not valid: the name is too long. Use a shorter one.")
    return sender


def _ehlo_name(sender: Address) -> str:
    """Return EMAIL_EHLO_NAME, or the first public domain name of this installation; empty if there is none.

    RFC 5321, 4.1.1.1 and 4.1.4: the name is a full domain name, or an address in brackets.
    """
    name: str = settings.EMAIL_EHLO_NAME
    if ADDRESS_LITERAL.match(name):
        return name
    if name:
        try:
            return to_public_domain(name)
        except ValueError as error:
            raise InvalidConfiguration(f"EMAIL_EHLO_NAME is not valid: {error}") from error
    with suppress(ValueError):
        return to_public_domain((urlsplit(settings.PUBLIC_BASE_URL).hostname or "").removesuffix("."))
    with suppress(ValueError):
        return to_public_domain(sender.domain)
    return ""
