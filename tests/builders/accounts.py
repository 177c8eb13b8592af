"""Build staff accounts."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User


def make_staff(username: str = "desk", *, group: str | None = "Front desk", **fields: Any) -> User:
    """A staff account; without a group it may sign in and nothing else."""
    user = User.objects.create(username=username, password=_hash_of("a-long-password"), is_staff=True, **fields)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


_hash_of = cache(make_password)  # it takes a quarter of a second, as it should
