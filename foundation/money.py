"""Amounts of money for people. Everywhere else, money is an integer of minor units and its currency."""


def format_money(amount_minor: int, currency: str) -> str:
    """Return ``50000, "INR"`` as ``INR 500.00``."""
    return f"{currency} {amount_minor // 100:,}.{amount_minor % 100:02}"
