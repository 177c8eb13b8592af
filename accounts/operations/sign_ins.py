"""End sign-ins: the sessions and tokens of staff."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from accounts.models import StaffSession, StaffToken


@transaction.atomic
def end_sign_ins(*, user: User) -> int:
    """End every session and token of ``user``; return how many."""
    return StaffSession.objects.filter(user=user).end() + StaffToken.objects.filter(user=user).end()


def end_sign_in(*, user: User, sign_in_id: UUID) -> bool:
    """End one session or token of ``user``; return whether it had not ended before."""
    sessions = StaffSession.objects.filter(user=user, id=sign_in_id).end()
    return bool(sessions or StaffToken.objects.filter(user=user, pk=sign_in_id).end())
