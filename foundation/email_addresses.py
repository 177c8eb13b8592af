"""E-mail addresses, in the form that every mail server accepts: ASCII, with the domain as IDNA (RFC 5890)."""

from __future__ import annotations

import re
from email.headerregistry import Address
from functools import cache

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from foundation.texts import normalize_name

MAX_LENGTH, MAX_LOCAL_PART_LENGTH = 254, 64  # RFC 5321, 4.5.3.1
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# With a dot, and no IP address: a numeric top-level domain cannot exist.
_PUBLIC_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?:xn--[a-z0-9-]{{1,59}}|[a-z]{{2,63}})\Z", re.IGNORECASE)


def to_ascii_address(address: str) -> str:
    """Return the address as it is sent to mail servers. Raises ValueError if it has no such form.

    A local part beyond ASCII has none: it needs SMTPUTF8 (RFC 6531), which many servers lack.
    """
    local_part, _, domain = address.rpartition("@")
    if not (local_part and domain and local_part.isascii()) or _CONTROL.search(address):
        raise ValueError("The address cannot be written in ASCII.")
    return f"{local_part}@{_to_ascii_domain(domain)}"


def to_public_domain(domain: str) -> str:
    """Return the domain as IDNA. Raises ValueError if it is not a full domain name."""
    ascii_domain = _to_ascii_domain(domain)
    if not _PUBLIC_DOMAIN.match(ascii_domain):
        raise ValueError(f"{domain!r} is not a full domain name.")
    return ascii_domain


def validate_email_address(address: str) -> None:
    """Raise ValidationError unless every mail server can handle this address."""
    local_part, _, domain = address.rpartition("@")
    if not local_part.isascii():
        raise ValidationError("Enter an email address with only ASCII characters before the @.", code="invalid")
    is_usual = EmailValidator.user_regex.match(local_part) and not _CONTROL.search(local_part)
    if not is_usual or "=?" in local_part:  # it would begin an encoded word in the header (RFC 2047)
        raise ValidationError("Enter a valid email address.", code="invalid")
    try:
        ascii_domain = to_public_domain(domain)
    except ValueError as error:
        message = "Enter an email address with a full domain name after the @, such as example.com."
        raise ValidationError(message, code="invalid") from error
    if len(local_part) > MAX_LOCAL_PART_LENGTH or len(local_part) + 1 + len(ascii_domain) > MAX_LENGTH:
        raise ValidationError("Enter a shorter email address.", code="invalid")


@cache
def parse_sender(text: str) -> Address:
    """Parse ``address`` or ``Display name <address>``; the domain becomes IDNA. Raises ValueError.

    The display name needs no quotes: it may contain commas and letters beyond ASCII. The domain may be ``localhost``.
    """
    name, bracket, rest = text.strip().rpartition("<")
    address = rest.removesuffix(">") if bracket else rest
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name = _normalize_display_name(name)
    if _CONTROL.search(text) or (bracket and not rest.endswith(">")):
        raise ValueError("It is neither an address nor a name with an address in angle brackets.")
    local_part, _, domain = to_ascii_address(address).rpartition("@")
    if not EmailValidator.user_regex.match(local_part):
        raise ValueError(f"{address!r} is not a valid address.")
    return Address(name, local_part, domain if domain == "localhost" else to_public_domain(domain))


def _normalize_display_name(name: str) -> str:
    try:
        return normalize_name(name) if name else name
    except ValidationError as error:
        raise ValueError(f"The display name is not valid. {error.message}") from error


def _to_ascii_domain(domain: str) -> str:
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
