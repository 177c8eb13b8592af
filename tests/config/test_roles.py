import pytest
from django.contrib.auth.models import Group, Permission

from config.roles import grant_new_permissions, remember_permissions

pytestmark = pytest.mark.django_db


def managers():
    return set(Group.objects.get(name="Managers").permissions.values_list("codename", flat=True))


def test_a_permission_that_comes_with_an_upgrade_is_handed_out():
    refund = Permission.objects.get(codename="refund_payment")
    content_type = refund.content_type
    refund.delete()
    remember_permissions()
    Permission.objects.create(codename="refund_payment", name="Can pay money back", content_type=content_type)

    grant_new_permissions()

    assert "refund_payment" in managers()


def test_what_an_admin_took_away_stays_taken_away():
    Group.objects.get(name="Managers").permissions.remove(Permission.objects.get(codename="refund_payment"))
    remember_permissions()

    grant_new_permissions()

    assert "refund_payment" not in managers()
