from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_migrate


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import roles  # noqa: PLC0415 - models are loaded only now

        # The last app with models: after its migration, every permission exists.
        last_app = apps.get_app_config("notifications")
        pre_migrate.connect(roles.record_existing_permissions, sender=last_app)
        post_migrate.connect(roles.grant_new_permissions, sender=last_app)
        post_migrate.connect(roles.update_permission_names, sender=last_app)
