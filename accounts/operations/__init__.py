"""Create service tokens."""

from accounts.operations.service_tokens import NewServiceToken, ServiceTokenNameInUse, create_service_token

__all__ = ["NewServiceToken", "ServiceTokenNameInUse", "create_service_token"]
