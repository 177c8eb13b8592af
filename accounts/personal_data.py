"""The personal data in the models of accounts: none of customers."""

from __future__ import annotations

from accounts.models import ServiceToken, StaffSession, StaffToken
from foundation.personal_data import Declaration

PERSONAL_DATA = [
    Declaration(
        ServiceToken,
        other=["id", "name", "token_hash", "created_by", "created_at", "last_used_at", "revoked_at"],
    ),
    Declaration(StaffToken, other=["id", "user", "token_hash", "created_at", "last_used_at", "expires_at", "ended_at"]),
    Declaration(
        StaffSession,
        other=[
            "session_key",
            "session_data",
            "expire_date",
            "id",
            "user",
            "created_at",
            "last_used_at",
            "ended_at",
        ],
    ),
]
