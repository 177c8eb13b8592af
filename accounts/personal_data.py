"""The personal data in the models of accounts: none of customers."""

from __future__ import annotations

from accounts.models import ServiceToken
from foundation.personal_data import Declaration

PERSONAL_DATA = [
    Declaration(
        ServiceToken,
        other=["id", "name", "token_hash", "created_by", "created_at", "last_used_at", "revoked_at"],
    ),
]
