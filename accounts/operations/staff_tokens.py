"""Create staff tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import StaffToken
from accounts.models.service_token import hash_token
from accounts.models.staff_token import new_staff_token

LIFETIME = timedelta(hours=10)  # a working day


class AccountChanged(Exception):
    """The account has another password since it was read, or its user is no longer active staff."""


@dataclass(frozen=True)
class NewStaffToken:
    """A staff token and its text, which can be shown only now: the database stores only its hash."""

    row: StaffToken
    token: str = field(repr=False)


@transaction.atomic
def create_staff_token(*, user: User, lifetime: timedelta = LIFETIME) -> NewStaffToken:
    """Create a token for a user whose password was just checked. Raises AccountChanged.

    The lock makes a concurrent change of the account wait, so that it ends this token, too.
    """
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True, is_staff=True)
    if not list(unchanged.select_for_update(no_key=True)):
        raise AccountChanged
    token = new_staff_token()
    row = StaffToken.objects.create(user=user, token_hash=hash_token(token), expires_at=Now() + lifetime)
    row.refresh_from_db(fields=["expires_at"])
    return NewStaffToken(row, token)
