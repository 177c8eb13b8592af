"""Rows of accounts. The user model is Django's ``auth.User``."""

from accounts.models.service_token import ServiceToken

__all__ = ["ServiceToken"]
