"""The amounts that Razorpay accepts.

https://razorpay.com/docs/payments/international-payments/ (currencies with three decimals)
https://razorpay.com/docs/api/orders/create/ (the smallest amount)
"""

from __future__ import annotations

from django.core.exceptions import ValidationError

from foundation.money import decimals_of, format_money


def check_amount(amount_minor: int, currency: str) -> None:
    """Raise ValidationError if Razorpay refuses an order of this amount."""
    smallest_minor = 10 ** decimals_of(currency)
    if amount_minor < smallest_minor:
        raise ValidationError(f"The amount paid online must be at least {format_money(smallest_minor, currency)}.")
    if decimals_of(currency) == 3 and amount_minor % 10:
        raise ValidationError(f"The last decimal of an amount in {currency} that is paid online must be 0.")
