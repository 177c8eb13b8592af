"""Create service tokens and staff tokens."""

from accounts.operations.service_tokens import NewServiceToken, ServiceTokenNameInUse, create_service_token
from accounts.operations.staff_tokens import AccountChanged, NewStaffToken, create_staff_token

__all__ = [
    "AccountChanged",
    "NewServiceToken",
    "NewStaffToken",
    "ServiceTokenNameInUse",
    "create_service_token",
    "create_staff_token",
]
