"""Rows of accounts. The user model is Django's ``auth.User``."""

from accounts.models.known_network import KnownNetwork
from accounts.models.service_token import ServiceToken
from accounts.models.staff_session import StaffSession
from accounts.models.staff_token import StaffToken

__all__ = ["KnownNetwork", "ServiceToken", "StaffSession", "StaffToken"]
