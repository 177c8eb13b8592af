"""Create service tokens and staff tokens, and end sign-ins."""

from accounts.operations.service_tokens import NewServiceToken, ServiceTokenNameInUse, create_service_token
from accounts.operations.sign_ins import end_sign_in, end_sign_ins
from accounts.operations.staff_tokens import AccountChanged, NewStaffToken, create_staff_token

__all__ = [
    "AccountChanged",
    "NewServiceToken",
    "NewStaffToken",
    "ServiceTokenNameInUse",
    "create_service_token",
    "create_staff_token",
    "end_sign_in",
    "end_sign_ins",
]
