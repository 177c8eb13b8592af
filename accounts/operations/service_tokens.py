"""Create service tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import ServiceToken
from accounts.models.service_token import NAME_IN_USE, hash_token, new_service_token
from foundation.database_errors import violated_constraint


class ServiceTokenNameInUse(Exception):
    """An active service token has this name. The message says what to do."""


@dataclass(frozen=True)
class NewServiceToken:
    """A service token and its text, which can be shown only now: the database stores only its hash."""

    row: ServiceToken
    token: str = field(repr=False)


def create_service_token(*, name: str, created_by: Any = None) -> NewServiceToken:
    """Create a service token. Raises ServiceTokenNameInUse."""
    token = new_service_token()
    try:
        with transaction.atomic():
            row = ServiceToken.objects.create(name=name, token_hash=hash_token(token), created_by=created_by)
    except IntegrityError as error:
        if violated_constraint(error) != "one_active_service_token_per_name":
            raise
        raise ServiceTokenNameInUse(NAME_IN_USE) from error
    return NewServiceToken(row, token)
