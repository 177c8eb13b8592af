"""Sessions of staff in the admin and on the other pages."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class StaffSessionQuerySet(models.QuerySet["StaffSession"]):
    def active(self) -> StaffSessionQuerySet:
        """Return the sessions that are valid now: not ended, and used within the idle timeout."""
        idle = timedelta(minutes=settings.SESSION_IDLE_MINUTES)
        used_recently = Q(last_used_at__gt=Now() - idle) if idle else Q()
        return self.filter(used_recently, ended_at=None, expire_date__gt=Now())

    def blank_expired(self) -> int:
        """Delete the data of sessions that are no longer valid: it may contain a message that names a customer."""
        valid = StaffSession.objects.active().values("pk")
        return self.exclude(session_data="").exclude(pk__in=valid).update(session_data="")

    def end(self) -> int:
        """End those that have not ended; return how many."""
        return self.filter(ended_at=None).update(ended_at=Now(), session_data="")


class StaffSession(AbstractBaseSession):
    """A session; without a user until its sender has signed in.

    The triggers that end staff tokens end sessions, too. The session key is a credential: pages use ``id``.
    """

    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="staff_sessions"
    )
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    objects = StaffSessionQuerySet.as_manager()  # type: ignore[assignment, misc]  # the base class has one of its own

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ()
        indexes = [models.Index(fields=["user"], condition=Q(ended_at__isnull=True), name="open_staff_sessions")]
