"""Composes the apps: the groups of people who use them."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_migrate


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config.roles import create_groups, remember_permissions  # noqa: PLC0415 - models are loaded only now

        # The last app that has models: by then every permission exists.
        pre_migrate.connect(remember_permissions, sender=apps.get_app_config("notifications"))
        post_migrate.connect(create_groups, sender=apps.get_app_config("notifications"))
