"""A log line for each change of what a user may do. Receivers of Django's signals: every form ends here."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models.signals import m2m_changed, pre_save

log = logging.getLogger(__name__)

FLAGS = ("is_active", "is_staff", "is_superuser")
VERBS = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed all"}


def register() -> None:
    """Connect the receivers."""
    pre_save.connect(log_changed_flags, sender=User)
    for through in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(log_changed_rows, sender=through)


def log_changed_flags(instance: User, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    """Log the flags and the password that this save changes."""
    if instance.pk is None or (update_fields is not None and update_fields.isdisjoint({*FLAGS, "password"})):
        return
    before = User.objects.filter(pk=instance.pk).values(*FLAGS, "password").first()
    if before is None:
        return
    changes = [f"{name} is now {getattr(instance, name)}" for name in FLAGS if getattr(instance, name) != before[name]]
    if instance.password != before["password"]:
        changes.append("the password is new")
    if changes:
        log.warning("User %s: %s", instance.pk, ", ".join(changes))


def log_changed_rows(instance: User | Group, action: str, pk_set: set[int] | None, **kwargs: Any) -> None:
    """Log the groups or permissions that a user or group gains or loses."""
    if action in VERBS and (pk_set or action == "pre_clear"):
        rows = kwargs["model"]._meta.verbose_name_plural
        ids = "" if pk_set is None else f" {sorted(pk_set)}"
        log.warning("%s %s: %s %s%s", type(instance).__name__, instance.pk, VERBS[action], rows, ids)
