"""The two default roles, as groups. Upgrades keep the changes that an admin makes to them."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

FRONT_DESK = {
    "bookings": [
        "view_booking",
        "confirm_booking",
        "complete_booking",
        "cancel_booking",
        "reschedule_booking",
        "add_booking",
        "view_session",
        "view_category",
        "view_scheduleexception",
        "view_customer",
        "change_customer",
        "view_service",
        "view_resource",
        "view_location",
        "view_workinghours",
        "view_bookingevent",
    ],
    "payments": [
        "view_paymentorder",
        "view_payment",
        "view_refund",
        "view_dispute",
        "view_deskpayment",
        "take_payment",
    ],
}
MANAGERS = {
    "bookings": [
        *FRONT_DESK["bookings"],
        "add_service",
        "change_service",
        "add_resource",
        "change_resource",
        "add_location",
        "change_location",
        "add_workinghours",
        "change_workinghours",
        "delete_workinghours",
        "add_category",
        "change_category",
        "add_scheduleexception",
        "change_scheduleexception",
        "delete_scheduleexception",
        "correct_booking",
        "export_customer",
        "erase_customer",
    ],
    "payments": [
        *FRONT_DESK["payments"],
        "refund_payment",
        "review_payment",
        "view_discrepancy",
        "view_gatewayevent",
    ],
    "notifications": ["view_notification", "resolve_notification", "resend_notification"],
}

_existing_permissions: set[int] = set()


def record_existing_permissions(**kwargs: Any) -> None:
    """Before a migration, record the existing permissions: only those that it adds are granted afterwards."""
    _existing_permissions.clear()
    if Permission._meta.db_table in connection.introspection.table_names():
        _existing_permissions.update(Permission.objects.values_list("pk", flat=True))


def grant_new_permissions(**kwargs: Any) -> None:
    """After a migration, create the missing groups and grant the permissions that the migration added."""
    for name, codenames_by_app in (("Front desk", FRONT_DESK), ("Managers", MANAGERS)):
        group, is_new = Group.objects.get_or_create(name=name)
        for app_label, codenames in codenames_by_app.items():
            permissions = Permission.objects.filter(content_type__app_label=app_label, codename__in=codenames)
            group.permissions.add(*permissions.exclude(pk__in=set() if is_new else _existing_permissions))


def update_permission_names(**kwargs: Any) -> None:
    """After a migration, update the names of our permissions: Django sets them only on creation."""
    for model in apps.get_models():
        content_type = {"content_type__app_label": model._meta.app_label, "content_type__model": model._meta.model_name}
        for codename, name in model._meta.permissions:
            Permission.objects.filter(codename=codename, **content_type).exclude(name=name).update(name=name)
