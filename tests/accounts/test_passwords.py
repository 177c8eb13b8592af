"""Password hashes, few at a time, and the rules for passwords."""

from contextlib import ExitStack

import pytest
from django.conf import settings as project_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts import password_hashers
from accounts.password_hashers import HASHES_AT_A_TIME, hash_slot
from foundation.models import RateLimitCounter
from tests.builders.accounts import make_staff
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

HASHERS = [
    "accounts.password_hashers.LimitedArgon2PasswordHasher",
    "accounts.password_hashers.LimitedPBKDF2PasswordHasher",
]
CREDENTIALS = {"username": "desk", "password": "a-long-password"}
GUESS = {**CREDENTIALS, "password": "a guess"}


@pytest.fixture
def hashers(settings, tmp_path, monkeypatch):
    settings.DATA_DIR, settings.PASSWORD_HASHERS = tmp_path, HASHERS
    monkeypatch.setattr(password_hashers, "WAIT_SECONDS", 0.1)


def earlier_hash():
    hasher = PBKDF2PasswordHasher()
    return hasher.encode("a-long-password", hasher.salt())


def test_sign_in_replaces_the_hash_of_an_earlier_version(api, hashers):
    User.objects.filter(pk=make_staff().pk).update(password=earlier_hash())

    statuses = [api.post("/auth/token", CREDENTIALS, format="json").status_code for _ in range(2)]

    assert statuses == [200, 200]
    assert User.objects.get().password.startswith("argon2$argon2id$")


@pytest.mark.parametrize("stored", ["argon2", "earlier", "unknown account"])
def test_sign_in_beyond_two_hashes_is_busy_and_does_not_count(api, client, hashers, settings, stored):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 1
    if stored != "unknown account":
        User.objects.filter(pk=make_staff().pk).update(
            password=earlier_hash() if stored == "earlier" else make_password("a-long-password")
        )

    with ExitStack() as others:
        for _ in range(HASHES_AT_A_TIME):
            others.enter_context(hash_slot())
        response = api.post("/auth/token", GUESS, format="json")
        page = client.post("/admin/login/", GUESS)

    assert_problem(response, 503, "sign_in_busy")
    assert (response["Retry-After"], page.status_code, page["Retry-After"]) == ("2", 503, "2")
    assert sorted(RateLimitCounter.objects.values_list("count", flat=True)) == [0, 0, 0]
    after = api.post("/auth/token", CREDENTIALS, format="json").status_code
    assert after == (401 if stored == "unknown account" else 200)


def test_sign_in_with_one_slot_left_succeeds(api, hashers):
    make_staff()

    with hash_slot():
        assert api.post("/auth/token", CREDENTIALS, format="json").status_code == 200


def test_settings_use_the_limited_hashers_and_wait_2_seconds():
    from config.settings import security  # noqa: PLC0415 - tests replace the setting

    assert (security.PASSWORD_HASHERS, HASHES_AT_A_TIME, password_hashers.WAIT_SECONDS) == (HASHERS, 2, 2.0)
    assert project_settings.DATA_DIR.is_absolute()


@pytest.mark.parametrize(
    ("password", "is_admin", "is_allowed"),
    [
        ("11-chars-or", False, False),
        ("12-chars-ora", False, True),
        ("14-chars-orang", True, False),
        ("15-chars-orange", True, True),
        ("telechargement", False, False),  # common
        ("ashalakshmi-rao", False, False),  # similar to the name
        ("4850129384750129", False, False),  # numeric
    ],
)
def test_rules_for_passwords(password, is_admin, is_allowed):
    user = User(username="ashalakshmi-rao", is_superuser=is_admin)
    try:
        validate_password(password, user)
    except ValidationError:
        assert not is_allowed
    else:
        assert is_allowed


@pytest.mark.parametrize(("length", "is_superuser", "status"), [(14, True, 403), (15, True, 200), (14, False, 200)])
def test_admin_with_a_short_password_cannot_sign_in(api, client, length, is_superuser, status):
    password = "rivers-run-down-hill"[:length]
    user = make_staff("admin", is_superuser=is_superuser)
    User.objects.filter(pk=user.pk).update(password=make_password(password))
    credentials = {"username": "admin", "password": password}

    response = api.post("/auth/token", credentials, format="json")
    page = client.post("/admin/login/", credentials)

    assert (response.status_code, page.status_code) == (status, 302 if status == 200 else 200)
    if status == 403:
        assert_problem(response, 403, "admin_password_too_short")
        assert "manage.py changepassword" in page.content.decode()
