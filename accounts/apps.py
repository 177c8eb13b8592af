from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "API access"

    def ready(self) -> None:
        from accounts import permission_log  # noqa: PLC0415 - models are loaded only now
        from accounts.models import StaffSession  # noqa: PLC0415
        from accounts.personal_data import PERSONAL_DATA  # noqa: PLC0415
        from foundation.background_tasks import register_purge  # noqa: PLC0415
        from foundation.personal_data import register_personal_data  # noqa: PLC0415

        permission_log.register()
        register_personal_data(PERSONAL_DATA)
        register_purge(StaffSession.objects.all().blank_expired)
