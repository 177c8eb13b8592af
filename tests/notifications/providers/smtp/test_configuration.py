import pytest
from django.core.checks import run_checks

from notifications.providers.smtp.configuration import current_configuration


@pytest.mark.parametrize(
    ("ehlo_name", "base_url", "sender", "expected"),
    [
        ("mail.example.com", "https://book.example.org", "a@example.net", "mail.example.com"),
        ("[192.0.2.1]", "https://book.example.org", "a@example.net", "[192.0.2.1]"),
        ("[IPv6:2001:db8::1]", "https://book.example.org", "a@example.net", "[IPv6:2001:db8::1]"),
        ("", "https://book.example.org:8443/x", "a@example.net", "book.example.org"),
        ("", "https://book.example.org.", "a@example.net", "book.example.org"),
        ("", "https://köln.example", "a@example.net", "xn--kln-sna.example"),
        ("", "http://192.0.2.1:8000", "a@example.net", "example.net"),
        ("", "http://my_host.example.org", "Zoë <a@köln.example>", "xn--kln-sna.example"),
        ("", "http://localhost:8000", "a@localhost", ""),
        ("", "http://[invalid", "a@example.net", "example.net"),
    ],
)
def test_ehlo_name_is_a_full_domain_name_or_a_literal(settings, ehlo_name, base_url, sender, expected):
    settings.EMAIL_EHLO_NAME, settings.PUBLIC_BASE_URL, settings.DEFAULT_FROM_EMAIL = ehlo_name, base_url, sender

    assert current_configuration().ehlo_name == expected


@pytest.mark.parametrize("name", ["booking_host", "localhost", "bücher", "[300]", "192.0.2.1"])
def test_invalid_ehlo_name_is_reported_at_start(settings, name):
    settings.EMAIL_EHLO_NAME = name

    assert [error.id for error in run_checks()] == ["notifications.E001"]


@pytest.mark.parametrize(
    ("name", "value", "reported"),
    [
        ("DEFAULT_FROM_EMAIL", "/missing", "DEFAULT_FROM_EMAIL"),
        ("DEFAULT_FROM_EMAIL", f"{'Salon' * 18}, Ltd <bookings@example.com>", "DEFAULT_FROM_EMAIL"),
        ("EMAIL_CA_FILE", "/missing", "EMAIL_CA_FILE"),
        ("EMAIL_RESPONSE_SECONDS", 0, "EMAIL_RESPONSE_SECONDS"),
        ("EMAIL_HOST", "", "EMAIL_URL"),  # EMAIL_URL=smtp://
    ],
)
def test_invalid_setting_is_reported_at_start(settings, name, value, reported):
    assert run_checks() == []

    setattr(settings, name, value)

    (error,) = run_checks()
    assert reported in error.msg


def test_ehlo_without_a_domain_name_has_the_address_of_the_connection(serve, send, settings):
    settings.PUBLIC_BASE_URL, settings.DEFAULT_FROM_EMAIL = "http://localhost:8000", "bookings@localhost"
    server = serve()

    send()

    assert server.commands[0].lower() == "ehlo [127.0.0.1]"
