"""Each change of what a user may do is a line of the log."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from tests.builders.accounts import make_staff, sign_in_staff

pytestmark = pytest.mark.django_db


def test_changes_of_permissions_are_logged(accounts_log):
    user, group = make_staff("asha"), Group.objects.get(name="Managers")
    front_desk, permission = user.groups.get(), Permission.objects.first()
    accounts_log.clear()

    user.is_staff, user.is_superuser = False, True
    user.save()
    user.set_password("another-long-password")
    user.save()
    user.groups.set([group])
    user.user_permissions.add(permission)
    group.permissions.remove(*group.permissions.all()[:1])
    user.groups.clear()

    removed = accounts_log.messages[-2]
    assert [*accounts_log.messages[:-2], accounts_log.messages[-1]] == [
        f"User {user.pk}: is_staff is now False, is_superuser is now True",
        f"User {user.pk}: the password is new",
        f"User {user.pk}: removed groups [{front_desk.pk}]",
        f"User {user.pk}: added groups [{group.pk}]",
        f"User {user.pk}: added permissions [{permission.pk}]",
        f"User {user.pk}: removed all groups",
    ]
    assert removed.startswith(f"Group {group.pk}: removed permissions [")


def test_other_changes_of_a_user_are_not_logged(accounts_log):
    user = make_staff("asha")
    accounts_log.clear()

    user.first_name = "Asha"
    user.save()

    assert accounts_log.messages == []


def test_admin_page_of_a_user_logs_the_change(accounts_log):
    user, admin = make_staff("asha"), sign_in_staff(None)
    User.objects.filter(username="staff").update(is_superuser=True)
    form = admin.get(f"/admin/auth/user/{user.pk}/change/").context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None and name != "password"}
    accounts_log.clear()

    admin.post(
        f"/admin/auth/user/{user.pk}/change/",
        {**data, "groups": [], "user_permissions": [], "is_active": "", "date_joined_0": "", "last_login_0": ""},
    )

    assert f"User {user.pk}: is_active is now False" in accounts_log.messages
