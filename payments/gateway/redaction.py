"""What of a gateway's event may be shown: everything but the payer."""

from __future__ import annotations

PERSONAL = {
    "email",
    "contact",
    "vpa",
    "name",
    "card",
    "notes",
    "bank_account",
    "acquirer_data",
    "customer_id",
    "token_id",
    "customer_details",
    "upi",
    "wallet",
    "bank",
    "description",
    "unreadable",
}
HIDDEN = "…"


def redacted(value: object) -> object:
    """Return a copy of parsed JSON in which personal data is replaced by a sign that it is there."""
    if isinstance(value, dict):
        return {name: HIDDEN if name in PERSONAL and each else redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    return value
