from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import RequestFactory

from accounts.models import KnownNetwork
from accounts.sign_in import PasswordAttempt, TooManyAttempts
from foundation.models import RateLimitCounter
from tests.builders.accounts import make_staff
from tests.builders.clock import let_time_pass
from tests.builders.retention import purge
from tests.threads import run_concurrently

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


GUESS = {"username": "asha", "password": "a guess"}
RIGHT = {"username": "asha", "password": "a-long-password"}


def addresses(count):
    return [f"198.51.{number // 250}.{number % 250 + 1}" for number in range(count)]


@pytest.fixture
def limit_of_2(settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2
    make_staff("asha")


def test_guesses_from_many_addresses_are_limited_per_account(api, limit_of_2):
    """Each address has a guess; the account has eight."""
    statuses = [
        api.post("/auth/token", GUESS, format="json", REMOTE_ADDR=address).status_code for address in addresses(60)
    ]

    assert statuses == [401] * 8 + [429] * 52


def test_guesses_never_lock_out_a_network_that_the_account_has_used(api, client, limit_of_2):
    known = {"REMOTE_ADDR": "203.0.113.9"}
    api.post("/auth/token", RIGHT, format="json", **known)
    for address in addresses(20):
        api.post("/auth/token", GUESS, format="json", REMOTE_ADDR=address)

    statuses = [
        api.post("/auth/token", RIGHT, format="json", **known).status_code,
        client.post("/admin/login/", RIGHT, **known).status_code,
        api.post("/auth/token", RIGHT, format="json", REMOTE_ADDR="203.0.113.77").status_code,
    ]

    assert statuses == [200, 302, 429]


def test_guesses_from_a_known_network_are_limited_there(api, limit_of_2):
    api.post("/auth/token", RIGHT, format="json")

    statuses = [api.post("/auth/token", GUESS, format="json").status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


@pytest.mark.django_db(transaction=True)
def test_account_limit_is_exact_for_64_parallel_guesses(limit_of_2):
    evaluated = []

    def guess(address):
        request = RequestFactory().get("/", REMOTE_ADDR=address)
        with suppress(TooManyAttempts, ValidationError), PasswordAttempt(request, "asha", "Test"):
            evaluated.append(address)
            raise ValidationError("wrong")

    assert run_concurrently([partial(guess, address) for address in addresses(64)]) == []
    assert len(evaluated) == 8


def test_password_change_is_within_the_limits(client, limit_of_2):
    client.force_login(User.objects.get())
    new = {"new_password1": "another-long-password", "new_password2": "another-long-password"}

    pages = [client.post("/admin/password_change/", {"old_password": "a guess", **new}) for _ in range(2)]
    locked = client.post("/admin/password_change/", {"old_password": "a-long-password", **new})

    assert ["Too many failed sign-ins" in page.content.decode() for page in (*pages, locked)] == [False, False, True]
    assert User.objects.get().check_password("a-long-password")


def test_password_change_that_succeeds_does_not_count(client, limit_of_2):
    client.force_login(User.objects.get())
    passwords = ["a-long-password", "sunlit-harbour-7", "quiet-meadow-91", "amber-lantern-44"]

    statuses = [
        client.post(
            "/admin/password_change/", {"old_password": old, "new_password1": new, "new_password2": new}
        ).status_code
        for old, new in pairwise(passwords)
    ]

    assert statuses == [302] * 3


def test_log_names_the_account_by_its_id_and_never_by_what_was_typed(api, client, limit_of_2, accounts_log):
    typed = {"username": "typed-by-mistake", "password": "a guess"}
    client.post("/admin/login/", RIGHT, REMOTE_ADDR="203.0.113.9")
    for credentials in (GUESS, GUESS, GUESS, typed):
        api.post("/auth/token", credentials, format="json")

    user = User.objects.get().pk
    assert [record.getMessage().partition(", network ")[0] for record in accounts_log.records] == [
        f"Sign-in succeeded: user {user}",
        f"Sign-in over the API failed: user {user}",
        f"Sign-in over the API failed: user {user}",
        f"Sign-in over the API locked out: user {user}",
        "Sign-in over the API failed: an unknown account",
    ]
    assert not any(
        word in accounts_log.text for word in ("asha", "typed-by-mistake", "127.0.0.1", "203.0.113.9", "guess")
    )


def test_limits_store_no_typed_name(api, limit_of_2):
    api.post("/auth/token", {"username": "typed-by-mistake", "password": "a guess"}, format="json")

    assert RateLimitCounter.objects.count() == 3
    assert not RateLimitCounter.objects.filter(key__contains="typed").exists()


@pytest.mark.parametrize("next_page", ["", "?next=", "?next=https://elsewhere.example/", "?next=/notifications/"])
def test_sign_in_leads_to_a_page_that_exists(client, next_page):
    make_staff("asha", group="Managers")

    response = client.post(f"/admin/login/{next_page}", RIGHT, follow=True)

    expected = "/notifications/" if "notifications" in next_page else "/admin/"
    assert (response.status_code, response.redirect_chain) == (200, [(expected, 302)])


@pytest.mark.parametrize("days", [89, 91])
def test_known_networks_are_deleted_after_90_days(api, days):
    make_staff("asha")
    api.post("/auth/token", RIGHT, format="json")
    let_time_pass(timedelta(days=days))

    assert purge(KnownNetwork) == (1 if days > 90 else 0)


def test_ipv6_client_counts_by_its_site_too(api, limit_of_2):
    """A site has a /48, and so 65,536 networks of its own."""
    statuses = [
        api.post(
            "/auth/token", {**GUESS, "username": f"user{n}"}, format="json", REMOTE_ADDR=f"2001:db8:1:{n:x}::1"
        ).status_code
        for n in range(201)
    ]

    assert statuses == [401] * 200 + [429]
