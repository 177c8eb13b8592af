"""Hide personal data in gateway events."""

from __future__ import annotations

PERSONAL_FIELDS = {
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
    "raw_base64",
}
PLACEHOLDER = "…"


def redact(value: object) -> object:
    """Return a copy of parsed JSON in which personal data is replaced by a placeholder."""
    if isinstance(value, dict):
        return {
            name: PLACEHOLDER if name in PERSONAL_FIELDS and child else redact(child) for name, child in value.items()
        }
    if isinstance(value, list):
        return [redact(child) for child in value]
    return value
