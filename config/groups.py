"""The two groups every business starts with. What an admin changes in them afterwards stays changed."""

from typing import Any

from django.contrib.auth.models import Group, Permission

FRONT_DESK = {
    "bookings": [
        "view_booking", "confirm_booking", "complete_booking", "view_customer", "change_customer", "view_service",
        "view_resource", "view_location", "view_workinghours", "view_bookingevent",
    ],
    "payments": ["view_paymentorder", "view_payment"],
}  # fmt: skip
MANAGERS = {
    "bookings": [
        *FRONT_DESK["bookings"], "add_service", "change_service", "add_resource", "change_resource", "add_location",
        "change_location", "add_workinghours", "change_workinghours", "delete_workinghours",
    ],
    "payments": FRONT_DESK["payments"],
    "notifications": ["view_notification", "resolve_notification"],
}  # fmt: skip


def create_groups(**kwargs: Any) -> None:
    """Create the groups that do not exist yet, after every migration."""
    for name, wanted in (("Front desk", FRONT_DESK), ("Managers", MANAGERS)):
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            for label, codenames in wanted.items():
                group.permissions.add(*Permission.objects.filter(content_type__app_label=label, codename__in=codenames))
