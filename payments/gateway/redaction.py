"""Hide personal data in gateway events."""

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
    """Return a copy of parsed JSON in which personal data is replaced by a placeholder."""
    if isinstance(value, dict):
        return {name: HIDDEN if name in PERSONAL and child else redacted(child) for name, child in value.items()}
    if isinstance(value, list):
        return [redacted(child) for child in value]
    return value
