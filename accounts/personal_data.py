"""The personal data in the models of accounts: none of customers."""

from __future__ import annotations

from accounts.models import KnownNetwork, ServiceToken, StaffSession, StaffToken
from foundation.personal_data import Declaration, Retention

PERSONAL_DATA = [
    Declaration(
        KnownNetwork,
        other=["id", "user", "network_hash", "last_used_at"],
        retention=Retention("RETENTION_KNOWN_NETWORKS_DAYS", since="last_used_at"),
    ),
    Declaration(
        ServiceToken,
        other=["id", "name", "token_hash", "created_by", "created_at", "last_used_at", "revoked_at"],
    ),
    Declaration(
        StaffToken,
        other=["id", "user", "token_hash", "created_at", "last_used_at", "expires_at", "ended_at"],
        retention=Retention("RETENTION_SESSIONS_DAYS", since="expires_at"),
    ),
    Declaration(
        StaffSession,
        retention=Retention("RETENTION_SESSIONS_DAYS", since="expire_date"),
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
