"""Service tokens in the admin: created and shown once, listed, revoked."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import ServiceToken
from accounts.operations import create_service_token
from tests.builders.accounts import make_staff
from tests.builders.callers import bearer_client

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/accounts/servicetoken/", "/admin/accounts/servicetoken/add/"


@pytest.fixture
def admin_client():
    client = Client()
    client.force_login(make_staff("admin", is_superuser=True))
    return client


def revoke(client, row):
    return client.post(f"{LIST}{row.pk}/actions/revoke/", follow=True)


def test_new_service_token_is_shown_once_and_works(admin_client):
    response = admin_client.post(ADD, {"name": "Website"})
    token = response.context["new_token"].token
    row = ServiceToken.objects.get()
    pages = [admin_client.get(path).content.decode() for path in (LIST, f"{LIST}{row.pk}/change/")]

    assert (response.status_code, token in response.content.decode()) == (200, True)
    assert "no-store" in response["Cache-Control"]
    assert not any(token in page for page in pages)
    assert all("Website" in page for page in pages)
    assert bearer_client(token).get("/bookings/").status_code == 200
    assert (row.created_by and row.created_by.username, LogEntry.objects.get().object_id) == ("admin", str(row.pk))


def test_name_of_an_active_service_token_is_refused(admin_client):
    create_service_token(name="Website")

    response = admin_client.post(ADD, {"name": "Website"})

    assert "An active service token has this name" in response.content.decode()
    assert ServiceToken.objects.count() == 1


def test_service_token_needs_a_visible_name(admin_client):
    response = admin_client.post(ADD, {"name": "\u200b"})

    assert "Enter a name with at least one visible character." in response.content.decode()
    assert not ServiceToken.objects.exists()


def test_revoked_service_token_stops_working_and_stays_listed(admin_client):
    new_token = create_service_token(name="Website")

    page, again = revoke(admin_client, new_token.row), revoke(admin_client, new_token.row)

    assert "Website is revoked" in page.content.decode()
    assert "already revoked" in again.content.decode()
    assert bearer_client(new_token.token).get("/bookings/").status_code == 401
    assert "Website" in admin_client.get(LIST).content.decode()
    assert LogEntry.objects.get().change_message == "Revoked."


@pytest.mark.parametrize("group", ["Front desk", "Managers"])
def test_only_admins_create_and_revoke_service_tokens(group):
    row, client = create_service_token(name="Website").row, Client()
    client.force_login(make_staff("staff", group=group))

    statuses = [
        client.get(LIST).status_code,
        client.post(ADD, {"name": "x"}).status_code,
        revoke(client, row).status_code,
    ]

    assert statuses == [403] * 3
    assert list(ServiceToken.objects.values_list("name", "revoked_at")) == [("Website", None)]
