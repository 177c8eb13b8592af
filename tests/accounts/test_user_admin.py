"""Changes that an admin makes to other accounts."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.builders.accounts import make_staff
from tests.builders.html_forms import read_form

pytestmark = pytest.mark.django_db

OWN = "a-long-password"


@pytest.fixture
def admin_client():
    client = Client()
    client.force_login(make_staff("admin", is_superuser=True))
    return client


@pytest.fixture
def asha():
    return make_staff("asha")


def change_page(user):
    return f"/admin/auth/user/{user.pk}/change/"


def save(client, user, **fields):
    path = change_page(user)
    return client.post(path, {**read_form(client.get(path)), **fields})


@pytest.mark.parametrize(("proof", "is_saved"), [(OWN, True), ("a guess", False), ("", False)])
def test_new_email_of_a_user_needs_the_own_password(admin_client, asha, proof, is_saved):
    response = save(admin_client, asha, email="asha@example.com", your_password=proof)

    asha.refresh_from_db()
    assert (response.status_code == 302, asha.email == "asha@example.com") == (is_saved, is_saved)
    assert ("Your own password is wrong or missing." in response.content.decode()) != is_saved


def test_other_changes_of_a_user_need_no_password(admin_client, asha):
    response = save(admin_client, asha, first_name="Asha")

    asha.refresh_from_db()
    assert (response.status_code, asha.first_name) == (302, "Asha")


@pytest.mark.parametrize(("proof", "is_saved"), [(OWN, True), ("a guess", False), ("", False)])
def test_new_password_of_a_user_needs_the_own_password(admin_client, asha, proof, is_saved):
    new = "rivers-run-downhill"
    path = f"/admin/auth/user/{asha.pk}/password/"
    fields = read_form(admin_client.get(path))

    response = admin_client.post(path, {**fields, "password1": new, "password2": new, "your_password": proof})

    asha.refresh_from_db()
    assert (response.status_code == 302, asha.check_password(new)) == (is_saved, is_saved)
    assert ("Your own password is wrong or missing." in response.content.decode()) != is_saved


def test_wrong_proofs_count_as_failed_sign_ins(admin_client, asha, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2
    for _ in range(2):
        save(admin_client, asha, email="asha@example.com", your_password="a guess")

    response = save(admin_client, asha, email="asha@example.com", your_password=OWN)

    assert "Too many failed sign-ins" in response.content.decode()
    assert User.objects.get(username="asha").email == ""


@pytest.fixture
def personnel_client():
    """A client of staff who may change users, but are not superusers."""
    user = make_staff("personnel")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(user)
    return client


def test_only_superusers_change_superusers(personnel_client, asha):
    root = make_staff("root", is_superuser=True)

    statuses = [personnel_client.post(f"/admin/auth/user/{row.pk}/password/").status_code for row in (root, asha)]
    personnel_client.post("/admin/auth/user/", {"action": "sign_out_everywhere", "_selected_action": [root.pk]})

    assert statuses == [403, 200]
    assert not LogEntry.objects.exists()


def test_only_superusers_grant_permissions(personnel_client, asha):
    form = {"is_superuser": "on", "groups": [Group.objects.get(name="Managers").pk], "your_password": OWN}

    save(personnel_client, asha, first_name="Asha", **form)

    asha.refresh_from_db()
    assert (asha.first_name, asha.is_superuser) == ("Asha", False)
    assert [group.name for group in asha.groups.all()] == ["Front desk"]


def test_admin_who_signs_out_everywhere_lands_on_the_sign_in_page(admin_client):
    admin = User.objects.get(username="admin")

    page = admin_client.post(
        "/admin/auth/user/", {"action": "sign_out_everywhere", "_selected_action": [admin.pk]}, follow=True
    )

    assert (page.status_code, page.redirect_chain[0][0]) == (200, "/admin/login/")


def test_new_superuser_needs_the_own_password(admin_client, asha):
    save(admin_client, asha, is_superuser="on")
    before = User.objects.get(pk=asha.pk).is_superuser
    save(admin_client, asha, is_superuser="on", your_password=OWN)

    assert (before, User.objects.get(pk=asha.pk).is_superuser) == (False, True)
