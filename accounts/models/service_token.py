"""Service tokens: credentials with which another program of the business, such as its website, calls the API."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from foundation.clock import database_now
from foundation.text_fields import NameField

# Distinguishes service tokens from the tokens of staff, which consist of letters and digits only.
PREFIX = "svc_"
NAME_IN_USE = "An active service token has this name. Choose another name, or revoke that token."
USE_RESOLUTION = timedelta(hours=1)  # how exact last_used_at is: not every request writes a row


class ServiceToken(models.Model):
    """A credential of another program. Only its hash is stored, so it can be shown only once, when it is created."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = NameField(max_length=80, help_text="The program that uses it, such as “Website”.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the hour.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        permissions = [("revoke_servicetoken", "Can revoke service tokens")]
        constraints = [
            models.UniqueConstraint(
                name="one_active_service_token_per_name",
                fields=["name"],
                condition=Q(revoked_at__isnull=True),
                violation_error_message=NAME_IN_USE,
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def find_active(cls, token: str) -> ServiceToken | None:
        """Return the service token with this text unless it is revoked, and record its use."""
        row = cls.objects.filter(token_hash=hash_token(token), revoked_at=None).first()
        if row is not None and (row.last_used_at is None or row.last_used_at < database_now() - USE_RESOLUTION):
            cls.objects.filter(pk=row.pk).update(last_used_at=Now())
        return row

    def revoke(self) -> bool:
        """Revoke the token; return whether it was active."""
        return bool(ServiceToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=Now()))


def new_service_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
