import re
from email import message_from_bytes, policy

import pytest

from notifications.providers.base import ProviderRejected


@pytest.fixture
def sent(serve, send):
    """Return a function that sends an e-mail, and returns its envelope and the parsed text."""

    def send_and_read(**fields):
        server = serve()
        send(**fields)
        envelope = [command for command in server.commands if command.startswith(("MAIL", "RCPT"))]
        return envelope, message_from_bytes(server.mails[-1] + b"\r\n", policy=policy.default)

    return send_and_read


def test_idn_domains_are_idna_in_envelope_and_headers(sent, settings):
    settings.DEFAULT_FROM_EMAIL = "Zoë, Köln <bookings@köln.example>"

    envelope, email = sent(address="info@münchen.example")

    assert envelope == ["MAIL FROM:<bookings@xn--kln-sna.example>", "RCPT TO:<info@xn--mnchen-3ya.example>"]
    (sender,) = email["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Zoë, Köln", "bookings@xn--kln-sna.example")
    assert [to.addr_spec for to in email["To"].addresses] == ["info@xn--mnchen-3ya.example"]
    assert email["Message-ID"].endswith("@xn--kln-sna.example>")


@pytest.mark.parametrize(
    "address", ["meera@localhost", "meera@[127.0.0.1]", '"a, b"@example.com', "O'Brien@example.com"]
)
def test_stored_address_from_before_a_rule_goes_to_the_mail_server(sent, address):
    envelope, email = sent(address=address)

    assert envelope[1] == f"RCPT TO:<{address}>"
    assert email["To"].addresses[0].addr_spec == address


@pytest.mark.parametrize(
    "fields",
    [
        {"address": "méera@example.com"},
        {"address": "meera@☃.example"},
        {"address": "meera@example.com\r\nRCPT TO:<x@example.com>"},
        {"address": ""},
        {"address": "mee ra@example.com"},
        {"subject": "\ud800"},
        {"body": "\ud800"},
    ],
)
def test_email_that_cannot_be_written_is_rejected_before_the_connection(serve, send, fields):
    server = serve()

    with pytest.raises(ProviderRejected):
        send(**fields)

    assert server.connections == 0


@pytest.mark.parametrize("body", ["one\n.\ntwo\n..three\n.", "no end of line", "x" * 5000, "Zoë " * 500, "a\rb\n\nc"])
def test_text_arrives_as_it_was_composed(serve, send, body):
    server = serve()

    send(body=body)

    (mail,) = server.mails
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail)
    assert all(len(line) <= 998 and line != b"." for line in mail.split(b"\r\n"))
    text = message_from_bytes(re.sub(rb"(?m)^\.\.", b".", mail) + b"\r\n", policy=policy.default).get_content()
    assert text.split() == body.split()
