import pytest

from tests.builders.accounts import make_staff

pytestmark = pytest.mark.django_db


def test_token_sign_in_limit_counts_failures_per_network(api, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 5
    make_staff("asha")
    credentials = {"username": "asha", "password": "a-long-password"}

    failures = [api.post("/auth/token", {**credentials, "password": f"guess {n}"}, format="json") for n in range(5)]
    locked = api.post("/auth/token", credentials, format="json")
    elsewhere = [api.post("/auth/token", credentials, format="json", REMOTE_ADDR="203.0.113.9") for _ in range(7)]

    assert [response.status_code for response in failures] == [401] * 5
    assert (locked.status_code, locked.json()["code"]) == (429, "throttled")
    assert [response.status_code for response in elsewhere] == [200] * 7


def test_admin_sign_in_limit_counts_failures_per_network(client, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2
    make_staff("asha")
    credentials = {"username": "asha", "password": "a-long-password"}

    pages = [client.post("/admin/login/", {**credentials, "password": "guess"}) for _ in range(2)]
    locked = client.post("/admin/login/", credentials)
    elsewhere = client.post("/admin/login/", credentials, REMOTE_ADDR="203.0.113.9")

    assert ["Too many failed sign-ins" in page.content.decode() for page in (*pages, locked)] == [False, False, True]
    assert (locked.status_code, elsewhere.status_code) == (200, 302)
