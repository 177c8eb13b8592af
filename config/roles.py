"""The two groups every business starts with. What an admin changes in them afterwards stays changed."""

from typing import Any

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
    "payments": ["view_paymentorder", "view_payment", "view_refund", "view_deskpayment", "take_payment"],
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
    ],
    "payments": [
        *FRONT_DESK["payments"],
        "refund_payment",
        "review_payment",
        "view_discrepancy",
        "view_gatewayevent",
    ],
    "notifications": ["view_notification", "resolve_notification"],
}


_known: set[int] = set()


def remember_permissions(**kwargs: Any) -> None:
    """Note, before a migration, which permissions there are: what it adds is handed out after it."""
    _known.clear()
    if Permission._meta.db_table in connection.introspection.table_names():
        _known.update(Permission.objects.values_list("pk", flat=True))


def create_groups(**kwargs: Any) -> None:
    """After a migration, create the groups that do not exist yet, and hand out the permissions that came with it."""
    for name, wanted in (("Front desk", FRONT_DESK), ("Managers", MANAGERS)):
        group, is_new = Group.objects.get_or_create(name=name)
        for label, codenames in wanted.items():
            permissions = Permission.objects.filter(content_type__app_label=label, codename__in=codenames)
            group.permissions.add(*permissions.exclude(pk__in=set() if is_new else _known))
