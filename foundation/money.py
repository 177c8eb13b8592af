"""Money: an integer amount in minor units and a currency, with the decimals that ISO 4217 gives each currency."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from iso4217 import Currency

USUAL_DECIMALS = 2


def decimals_of(currency: str) -> int:
    """Return the number of decimals: 2 for INR, 0 for JPY, 3 for KWD; 2 for an unknown code."""
    try:
        return Currency(currency).exponent or 0
    except ValueError:
        return USUAL_DECIMALS


def to_major(amount_minor: int, currency: str) -> Decimal:
    """Return ``50000, "INR"`` as 500.00, and ``5000, "JPY"`` as 5000."""
    return Decimal(amount_minor).scaleb(-decimals_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """Return 500.00 INR as 50000. Raises ValidationError if the amount has more decimals than the currency."""
    decimals = decimals_of(currency)
    minor = amount.scaleb(decimals)
    if minor != minor.to_integral_value():
        raise ValidationError(f"Enter at most {decimals} decimals." if decimals else "Enter a whole number.")
    return int(minor)


def format_money(amount_minor: int, currency: str) -> str:
    """Format ``50000, "INR"`` as ``INR 500.00``."""
    return f"{currency} {to_major(amount_minor, currency):,f}"


def validate_currency(code: str) -> None:
    """Raise ValidationError unless this is the code of a currency in which people pay."""
    try:
        is_money = Currency(code).exponent is not None  # gold and bonds have none
    except ValueError:
        is_money = False
    if not is_money:
        raise ValidationError("Enter the three-letter code of a currency, such as INR.", code="invalid")
