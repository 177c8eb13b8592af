"""Staff tokens: credentials that staff get when they sign in over the API."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.service_token import hash_token
from foundation.clock import database_now

USE_RESOLUTION = timedelta(minutes=1)  # how exact last_used_at is: not every request writes a row


class StaffTokenQuerySet(models.QuerySet["StaffToken"]):
    def active(self) -> StaffTokenQuerySet:
        """Return the tokens that are valid now."""
        return self.filter(ended_at=None, expires_at__gt=Now())

    def end(self) -> int:
        """End those that have not ended; return how many."""
        return self.filter(ended_at=None).update(ended_at=Now())


class StaffToken(models.Model):
    """A credential of a member of staff. Only its hash is stored.

    Triggers on the users and their groups end it with a changed password, a lost role and deactivation, so a bulk
    update does, too. What has ended never becomes valid again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = StaffTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["user"], condition=Q(ended_at__isnull=True), name="open_staff_tokens"),
            models.Index(fields=["expires_at"], name="staff_tokens_by_age"),
        ]

    def __str__(self) -> str:
        return f"token of {self.user_id} from {self.created_at}"

    @classmethod
    def find_active(cls, token: str) -> StaffToken | None:
        """Return the valid token with this text and its user, and record its use."""
        row = cls.objects.active().filter(token_hash=hash_token(token)).select_related("user").first()
        if row is not None and (row.last_used_at is None or row.last_used_at < database_now() - USE_RESOLUTION):
            cls.objects.filter(pk=row.pk).update(last_used_at=Now())
        return row


def new_staff_token() -> str:
    return secrets.token_hex(32)  # letters and digits only: never like a service token
