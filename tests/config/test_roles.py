import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from config.roles import grant_new_permissions, record_existing_permissions, update_permission_names

pytestmark = pytest.mark.django_db


def permissions_of_managers():
    return set(Group.objects.get(name="Managers").permissions.values_list("codename", flat=True))


def test_grant_new_permissions_grants_a_permission_added_by_the_migration():
    refund = Permission.objects.get(codename="refund_payment")
    content_type = refund.content_type
    refund.delete()
    record_existing_permissions()
    Permission.objects.create(codename="refund_payment", name="Can refund a payment", content_type=content_type)

    grant_new_permissions()

    assert "refund_payment" in permissions_of_managers()


def test_grant_new_permissions_does_not_restore_a_removed_permission():
    Group.objects.get(name="Managers").permissions.remove(Permission.objects.get(codename="refund_payment"))
    record_existing_permissions()

    grant_new_permissions()

    assert "refund_payment" not in permissions_of_managers()


def test_update_permission_names_replaces_outdated_names():
    codenames = ["refund_payment", "confirm_booking", "resolve_notification"]
    permissions = Permission.objects.filter(codename__in=codenames).order_by("codename")
    current = list(permissions.values_list("pk", "name"))
    permissions.update(name="An earlier name")

    update_permission_names()

    assert len(current) == len(codenames)
    assert list(permissions.values_list("pk", "name")) == current


def test_update_permission_names_ignores_other_models():
    other_model = ContentType.objects.get_for_model(Group)
    Permission.objects.create(codename="refund_payment", name="Of another model", content_type=other_model)

    update_permission_names()

    assert Permission.objects.get(codename="refund_payment", content_type=other_model).name == "Of another model"
