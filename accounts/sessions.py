"""Where Django keeps sessions (``SESSION_ENGINE``): in a table that names their user and when they ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from accounts.models import StaffSession
from foundation.clock import database_now

USE_RESOLUTION = timedelta(minutes=1)  # how exact last_used_at is: not every request writes a row


class SessionStore(DatabaseStore):
    """Sessions of users end, they are not deleted: a request that began before cannot bring an ended one back.

    Requests do not extend a session's lifetime, which counts from the sign-in.
    """

    @classmethod
    def get_model_class(cls) -> type[StaffSession]:
        return StaffSession

    def load(self) -> dict[str, Any]:
        row = StaffSession.objects.active().filter(session_key=self.session_key).first()
        if row is None:
            self._session_key = None
            return {}
        if row.last_used_at < database_now() - USE_RESOLUTION:
            StaffSession.objects.filter(pk=row.pk).update(last_used_at=Now())
        data: dict[str, Any] = self.decode(row.session_data)
        return data

    def save(self, must_create: bool = False) -> None:
        """Raises UpdateError if the session has ended meanwhile."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # missing in the stubs
        fields = {"session_data": self.encode(data), "user_id": data.get(SESSION_KEY)}
        if must_create:
            self._insert(fields)
            return
        with transaction.atomic():
            if data.get(SESSION_KEY):
                self._lock_unchanged_user(data)
            if not StaffSession.objects.filter(session_key=self.session_key, ended_at=None).update(**fields):
                raise UpdateError

    def _lock_unchanged_user(self, data: dict[str, Any]) -> None:
        """Let a concurrent change of the account wait, so that its trigger finds this session. Raises UpdateError if
        the account has changed since its password was checked."""
        user = User.objects.filter(pk=data[SESSION_KEY], is_active=True).select_for_update(no_key=True).first()
        valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()] if user else []
        if not any(constant_time_compare(data.get(HASH_SESSION_KEY, ""), each) for each in valid):
            raise UpdateError

    def cycle_key(self) -> None:
        """Give the session another key, but not a longer life, unless it has ended."""
        earlier = StaffSession.objects.active().filter(session_key=self.session_key).exclude(user=None).first()
        super().cycle_key()
        if earlier is not None:
            StaffSession.objects.filter(session_key=self.session_key).update(
                created_at=earlier.created_at, expire_date=earlier.expire_date
            )

    def _insert(self, fields: dict[str, Any]) -> None:
        lifetime = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        try:
            with transaction.atomic():
                StaffSession.objects.create(session_key=str(self.session_key), expire_date=Now() + lifetime, **fields)
        except IntegrityError as error:
            raise CreateError from error

    def delete(self, session_key: str | None = None) -> None:
        session = StaffSession.objects.filter(session_key=session_key or self.session_key)
        session.filter(user=None).delete()  # there is no sign-in to keep
        session.end()
