import pytest
from django.core.exceptions import ValidationError

from foundation.email_addresses import parse_sender, to_ascii_address, validate_email_address


@pytest.mark.parametrize(
    "address",
    [
        "meera@example.com",
        "meera+visit@mail.example.co.in",
        "o'brien@example.com",
        '"meera,iyer"@example.com',
        "info@münchen.example",
        "info@例え.テスト",
        "info@xn--mnchen-3ya.example",
        "a" * 64 + "@example.com",
    ],
)
def test_deliverable_address_is_valid(address):
    validate_email_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "meera",
        "@example.com",
        "meera@",
        "a@b@example.com",
        "a..b@example.com",
        "=?utf-8?q?a?=@example.com",
        "meera@localhost",
        "meera@[127.0.0.1]",
        "meera@[IPv6:::1]",
        "meera@127.0.0.1",
        "meera@10.0.0.10",
        "meera@example.com.",
        "meera@.example.com",
        "meera@example..com",
        "meera@münchen",
        "meera@münchen..example",
        "meera@-example.com",
        "meera@my_host.example.com",
        "meera@☃.example",
        "meera@example.com\u202e",
        "méera@example.com",
        "मीरा@example.com",
        "ſmith@example.com",  # matches [a-z] when the case is ignored
        "meera\u200b@example.com",
        '"mee\tra"@example.com',
        '"mee\x01ra"@example.com',
        '"mee\r\nra"@example.com',
        "meera@example.com\n",
        "meera@exam\x00ple.com",
        "a" * 65 + "@example.com",
        "meera@" + "ü" * 60 + ".example",
        "meera@" + ".".join(["a" * 60] * 5) + ".example",
    ],
)
def test_undeliverable_address_is_invalid(address):
    with pytest.raises(ValidationError):
        validate_email_address(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("info@münchen.example", "info@xn--mnchen-3ya.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),  # not strasse.example, as in IDNA 2003
        ("Info@Example.com", "Info@Example.com"),
        ("a@localhost", "a@localhost"),
        ("a@[127.0.0.1]", "a@[127.0.0.1]"),
    ],
)
def test_ascii_address_has_the_domain_as_idna(address, expected):
    assert to_ascii_address(address) == expected


@pytest.mark.parametrize("address", ["méera@example.com", "a\r\n@example.com", "example.com", "a@☃.example", ""])
def test_ascii_address_of_an_address_without_one_is_an_error(address):
    with pytest.raises(ValueError, match=r"."):
        to_ascii_address(address)


@pytest.mark.parametrize(
    ("text", "display_name", "address"),
    [
        ("bookings@localhost", "", "bookings@localhost"),
        ("bookings@example.com", "", "bookings@example.com"),
        ("<bookings@example.com>", "", "bookings@example.com"),
        ("Salon <bookings@example.com>", "Salon", "bookings@example.com"),
        ("Salon, Ltd <bookings@example.com>", "Salon, Ltd", "bookings@example.com"),
        ('"Salon, \\"Ltd\\"" <bookings@example.com>', 'Salon, "Ltd"', "bookings@example.com"),
        ("Zoe\u0308 \u200b Salon <bookings@example.com>", "Zoë Salon", "bookings@example.com"),
        ("Zoë, Köln <bookings@köln.example>", "Zoë, Köln", "bookings@xn--kln-sna.example"),
    ],
)
def test_sender_is_parsed(text, display_name, address):
    sender = parse_sender(text)

    assert (sender.display_name, sender.addr_spec) == (display_name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Salon",
        "bookings@",
        "@example.com",
        "büro@example.com",
        "Salon <bookings@example.com",
        "a@b@example.com",
        "Salon\nBcc: x <a@example.com>",
        "bookings@example",
        "bookings@exam ple.com",
        "Salon <bookings@example.com> x",
        "Salon\u202e <bookings@example.com>",
        "\u200b <bookings@example.com>",
    ],
)
def test_sender_without_a_valid_address_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_sender(text)
