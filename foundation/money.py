"""Format money for display. Everywhere else, it is an integer amount in minor units and a currency."""


def format_money(amount_minor: int, currency: str) -> str:
    """Format ``50000, "INR"`` as ``INR 500.00``."""
    return f"{currency} {amount_minor // 100:,}.{amount_minor % 100:02}"
