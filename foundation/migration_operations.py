"""Operations for migrations. Applied migrations import them: their paths are permanent."""

from __future__ import annotations

from typing import Any

from django.db import migrations

ACTIONS = ("add", "change", "delete", "view")


def rename_model_permissions(app_label: str, old_name: str, new_name: str) -> migrations.RunPython:
    """Rename the permissions of a renamed model, so that groups keep them. Place it after the ``RenameModel``.

    The migration must depend on ``auth`` and ``contenttypes``. Names are lower-case model names.
    """

    def rename(apps: Any, old: str, new: str) -> None:
        permissions = apps.get_model("auth", "Permission").objects.filter(
            content_type__app_label=app_label, content_type__model__in=[old_name, new_name]
        )
        for action in ACTIONS:
            permissions.filter(codename=f"{action}_{old}").update(
                codename=f"{action}_{new}", name=f"Can {action} {new.replace('_', ' ')}"
            )

    return migrations.RunPython(
        lambda apps, schema_editor: rename(apps, old_name, new_name),
        lambda apps, schema_editor: rename(apps, new_name, old_name),
    )
