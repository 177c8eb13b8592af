"""Changes that an admin makes to other accounts."""

import pytest
from django.contrib.auth.models import User
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
