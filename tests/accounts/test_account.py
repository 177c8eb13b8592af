"""The page of one's own sign-ins, the same for admins over others, and users who are not deleted."""

from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import StaffSession, StaffToken
from accounts.operations import create_staff_token
from tests.builders.accounts import make_staff
from tests.builders.callers import bearer_client

pytestmark = pytest.mark.django_db


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def is_signed_in(client):
    return client.get("/admin/").status_code == 200


@pytest.fixture
def asha():
    return make_staff("asha")


def test_account_lists_the_sign_ins_of_the_user_only(asha):
    here, _, token = browser(asha), browser(asha), create_staff_token(user=asha)
    other = make_staff("nila")
    browser(other)
    create_staff_token(user=other)
    ended = create_staff_token(user=asha)
    StaffToken.objects.filter(pk=ended.row.pk).end()

    response = here.get("/account/")

    rows = [(row["name"], row["id"]) for row in response.context["sign_ins"]]
    assert sorted(name for name, _ in rows) == ["Session in a browser", "This session", "Token of the API"]
    assert ("Token of the API", token.row.pk) in rows
    keys = StaffSession.objects.values_list("session_key", flat=True)
    assert not any(secret in response.content.decode() for secret in (*keys, token.token))


def test_user_ends_one_token_or_session(asha):
    here, elsewhere, token = browser(asha), browser(asha), create_staff_token(user=asha)
    elsewhere_id = StaffSession.objects.exclude(session_key=here.session.session_key).get().id

    pages = [here.post(f"/account/end/{row}", follow=True) for row in (token.row.pk, elsewhere_id, elsewhere_id)]

    assert ["The sign-in has ended." in page.content.decode() for page in pages] == [True, True, False]
    assert (is_signed_in(here), is_signed_in(elsewhere)) == (True, False)
    assert bearer_client(token.token).delete("/auth/token").status_code == 401


def test_user_who_ends_this_session_is_signed_out(asha):
    here = browser(asha)

    here.post(f"/account/end/{StaffSession.objects.get().id}")

    assert not is_signed_in(here)


def test_user_cannot_end_the_sign_in_of_another(asha):
    token, session = create_staff_token(user=asha), browser(asha)
    other = browser(make_staff("nila"))

    for row in (token.row.pk, StaffSession.objects.get(user=asha).id, uuid4()):
        assert "had ended already" in other.post(f"/account/end/{row}", follow=True).content.decode()

    assert is_signed_in(session)
    assert StaffToken.objects.get().ended_at is None


def test_sign_out_everywhere_ends_all_sign_ins_of_the_user(asha):
    here, elsewhere, token = browser(asha), browser(asha), create_staff_token(user=asha).token
    other = browser(make_staff("nila"))

    here.post("/account/sign-out-everywhere")

    assert [is_signed_in(client) for client in (here, elsewhere, other)] == [False, False, True]
    assert bearer_client(token).delete("/auth/token").status_code == 401


@pytest.mark.parametrize(("is_superuser", "is_ended"), [(True, True), (False, False)])
def test_admins_sign_others_out(asha, is_superuser, is_ended):
    session = browser(asha)
    admin = browser(make_staff("admin", is_superuser=is_superuser))

    admin.post("/admin/auth/user/", {"action": "sign_out_everywhere", "_selected_action": [asha.pk]})

    assert is_signed_in(session) is not is_ended
    entries = LogEntry.objects.filter(object_id=asha.pk, change_message="Signed out everywhere.")
    assert entries.exists() is is_ended


def test_user_is_not_deleted_and_keeps_the_history(asha):
    admin = browser(make_staff("admin", is_superuser=True))
    LogEntry.objects.create(user=asha, action_flag=2, object_repr="x")

    statuses = [
        admin.post(f"/admin/auth/user/{asha.pk}/delete/", {"post": "yes"}).status_code,
        admin.post(
            "/admin/auth/user/", {"action": "delete_selected", "_selected_action": [asha.pk], "post": "yes"}
        ).status_code,
    ]
    with pytest.raises(IntegrityError, match="deactivate"), transaction.atomic():
        asha.delete()
    with pytest.raises(IntegrityError, match="deactivate"), transaction.atomic():
        User.objects.filter(pk=asha.pk)._raw_delete("default")

    assert statuses[0] == 403
    assert LogEntry.objects.get().user == asha
