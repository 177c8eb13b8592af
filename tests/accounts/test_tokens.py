from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accounts.models import StaffToken
from accounts.operations import create_staff_token
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_service
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db


def test_token_works_from_sign_in_until_sign_out(api):
    make_staff()
    signed_in = api.post("/auth/token", {"username": "desk", "password": "a-long-password"}, format="json").json()
    header = {"Authorization": f"Bearer {signed_in['token']}"}

    signed_in_status = api.get("/bookings/", headers=header).status_code
    sign_out_status = api.delete("/auth/token", headers=header).status_code
    signed_out_status = api.get("/bookings/", headers=header).status_code

    assert (signed_in_status, sign_out_status, signed_out_status) == (200, 204, 401)


@pytest.mark.parametrize("password", ["wrong", "", "x" * 129])
def test_failed_sign_in_does_not_reveal_whether_the_account_exists(api, password):
    make_staff()

    known_account = api.post("/auth/token", {"username": "desk", "password": password}, format="json")
    unknown_account = api.post("/auth/token", {"username": "unknown", "password": password}, format="json")

    assert known_account.status_code == (401 if password == "wrong" else 400)
    assert known_account.content == unknown_account.content


@pytest.mark.parametrize("token", [b"\xff", b"nul\x00", b"x" * 10_000, b"", b"two words"])
@pytest.mark.parametrize(("method", "path"), [("get", "/bookings/"), ("post", "/bookings/")])
def test_malformed_bearer_token_is_refused(api, method, path, token):
    response = getattr(api, method)(path, HTTP_AUTHORIZATION=(b"Bearer " + token).decode("latin-1"))

    assert_problem(response, 401, "authentication_failed")


def test_catalogue_ignores_an_invalid_token(api):
    make_service(slug="consultation")
    paths = ["/services/", "/services/consultation/availability?from=2030-01-01"]

    responses = [api.get(path, headers={"Authorization": "Bearer invalid"}) for path in paths]

    assert [response.status_code for response in responses] == [200, 200]


def test_sign_in_ignores_an_invalid_token(api):
    make_staff()

    response = api.post(
        "/auth/token",
        {"username": "desk", "password": "a-long-password"},
        format="json",
        headers={"Authorization": "Bearer invalid"},
    )

    assert response.status_code == 200


def test_sign_in_without_staff_status_fails(api):
    User.objects.create_user("meera", password="a-long-password")

    response = api.post("/auth/token", {"username": "meera", "password": "a-long-password"}, format="json")

    assert_problem(response, 401, "sign_in_failed")
    assert StaffToken.objects.count() == 0


def test_token_of_former_staff_is_refused(api):
    user = make_staff()
    token = create_staff_token(user=user).token
    headers = {"Authorization": f"Bearer {token}"}
    status_before = api.get("/bookings/", headers=headers).status_code
    User.objects.update(is_staff=False)

    assert (status_before, api.get("/bookings/", headers=headers).status_code) == (200, 401)


def test_expired_token_is_refused(api):
    token = create_staff_token(user=make_staff(), lifetime=timedelta(0)).token

    assert api.get("/bookings/", headers={"Authorization": f"Bearer {token}"}).status_code == 401
