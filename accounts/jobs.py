"""Background work of accounts, run by the worker."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from accounts.models import StaffSession, StaffToken
from foundation.background_tasks import register_purge

RETENTION = timedelta(days=30)  # after the end of their lifetime


def register() -> None:
    """Register the purges of accounts."""
    register_purge(purge_staff_tokens)
    register_purge(purge_staff_sessions)


def purge_staff_tokens() -> int:
    """Delete the staff tokens that are past their retention; return how many."""
    return StaffToken.objects.filter(expires_at__lt=Now() - RETENTION).delete()[0]


def purge_staff_sessions() -> int:
    """Delete the sessions that are past their retention; return how many."""
    return StaffSession.objects.filter(expire_date__lt=Now() - RETENTION).delete()[0]
