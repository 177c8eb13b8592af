from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from foundation.money import format_money, to_major, to_minor, validate_currency


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (50_000, "INR", "INR 500.00"),
        (123_456_789, "EUR", "EUR 1,234,567.89"),
        (-50_005, "INR", "INR -500.05"),
        (5_000, "JPY", "JPY 5,000"),
        (0, "JPY", "JPY 0"),
        (5_000, "KWD", "KWD 5.000"),
        (12_345, "IQD", "IQD 12.345"),  # unlike CLDR, which says how it is usually written
        (12_345, "HUF", "HUF 123.45"),
        (50_000, "???", "??? 500.00"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount_minor, currency, text):
    assert format_money(amount_minor, currency) == text


@pytest.mark.parametrize("currency", ["INR", "JPY", "KWD"])
@pytest.mark.parametrize("amount_minor", [0, 1, 999, 123_456_789])
def test_major_units_convert_back_to_the_same_minor_units(amount_minor, currency):
    assert to_minor(to_major(amount_minor, currency), currency) == amount_minor


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "INR"), ("10.5", "JPY"), ("1.0005", "KWD")])
def test_amount_with_more_decimals_than_its_currency_is_an_error(amount, currency):
    with pytest.raises(ValidationError, match=r"decimals|whole number"):
        to_minor(Decimal(amount), currency)


@pytest.mark.parametrize("code", ["INR", "JPY", "KWD"])
def test_currency_of_a_country_is_valid(code):
    validate_currency(code)


@pytest.mark.parametrize("code", ["", "inr", "IN", "ABC", "XXX", "XAU", "₹"])
def test_other_code_is_not_a_valid_currency(code):
    with pytest.raises(ValidationError, match="such as INR"):
        validate_currency(code)
