"""Build staff accounts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import Group, User
from django.test import Client


class FastPasswordHasher(PBKDF2PasswordHasher):
    """Hashes with one iteration. The hash states its iterations, so a web server with the usual hasher accepts it."""

    iterations = 1

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Skip the remaining iterations, which would take as long as the usual hash."""


def make_staff(username: str = "desk", *, group: str | None = "Front desk", **fields: Any) -> User:
    """Create a staff account; without a group, it can only sign in."""
    user = User.objects.create(username=username, password=make_password("a-long-password"), is_staff=True, **fields)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def sign_in_staff(group: str | None = "Front desk") -> Client:
    """Return a client that is signed in as a new staff account, in ``group`` if given."""
    client = Client()
    client.force_login(make_staff(group or "staff", group=group))
    return client
