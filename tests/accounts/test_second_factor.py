"""The second factor: checked over the pages and the API, each code once, and set up with fresh proof."""

import re
import time
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.exceptions import SecondFactorInvalid
from accounts.second_factor import check_second_factor, device_with, has_second_factor, new_key
from tests.builders.accounts import make_staff
from tests.builders.html_forms import read_form
from tests.problems import assert_problem
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password"
PAGE = "/account/second-factor"


def code_of(device, steps=0):
    totp = TOTP(device.bin_key)
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06d}"


@pytest.fixture
def device():
    return TOTPDevice.objects.create(user=make_staff("asha"), name="app", confirmed=True)


def sign_in(api, **fields):
    return api.post("/auth/token", {"username": "asha", "password": PASSWORD, **fields}, format="json")


def sign_in_page(client, **fields):
    return client.post("/admin/login/", {"username": "asha", "password": PASSWORD, **fields})


def set_up(client, user, **fields):
    key = client.get(PAGE).context["form"]["key"].value()
    return client.post(PAGE, {"password": PASSWORD, "code": code_of(device_with(user, key)), "key": key, **fields})


@pytest.fixture
def user():
    return make_staff("asha")


@pytest.fixture
def browser(user):
    client = Client()
    client.force_login(user)
    return client


def test_api_needs_the_code_of_an_account_with_a_second_factor(api, device):
    assert_problem(sign_in(api), 403, "second_factor_required")
    assert_problem(sign_in(api, code="000000"), 403, "second_factor_invalid")
    assert_problem(sign_in(api, password="a guess", code=code_of(device)), 401, "sign_in_failed")
    assert sign_in(api, code=code_of(device)).status_code == 200


def test_page_needs_the_code_of_an_account_with_a_second_factor(client, device):
    statuses = [sign_in_page(client).status_code, sign_in_page(client, code="000000").status_code]

    assert statuses == [200, 200]
    assert client.get("/admin/").status_code == 302
    assert sign_in_page(client, code=code_of(device)).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_code_is_accepted_once_over_the_pages_and_the_api(api, client, device):
    code, next_code = code_of(device), code_of(device, 1)

    assert sign_in_page(client, code=code).status_code == 302
    assert_problem(sign_in(api, code=code), 403, "second_factor_invalid")
    assert sign_in(api, code=next_code).status_code == 200
    assert sign_in_page(Client(), code=next_code).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_code_is_accepted_once_by_parallel_callers(kind, device):
    user = device.user
    recovery = user.staticdevice_set.create(name="recovery codes")
    recovery.token_set.create(token="abcdefgh")
    code = code_of(device) if kind == "app" else "abcdefgh"

    errors = run_concurrently([partial(check_second_factor, user, code) for _ in range(8)])

    assert [type(error) for error in errors] == [SecondFactorInvalid] * 7


def test_wrong_codes_count_as_failed_sign_ins_and_missing_ones_do_not(api, device, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2

    missing = [sign_in(api).status_code for _ in range(4)]
    wrong = [sign_in(api, code="000000").status_code for _ in range(3)]

    assert (missing, wrong) == ([403] * 4, [403, 403, 429])


def test_set_up_shows_a_qr_code_and_then_recovery_codes_once(browser, user, api):
    page = browser.get(PAGE).content.decode()

    done = set_up(browser, user)

    codes = done.context["codes"]
    assert "<svg" in page
    assert (len(codes), all(code in done.content.decode() for code in codes)) == (10, True)
    assert not any(code in browser.get(PAGE).content.decode() for code in codes)
    assert sign_in(api, code=codes[0].upper()).status_code == 200
    assert_problem(sign_in(api, code=codes[0]), 403, "second_factor_invalid")
    assert StaticToken.objects.count() == 9


def test_set_up_ends_the_other_sign_ins(browser, user, api):
    token, elsewhere = sign_in(api).json()["token"], Client()
    elsewhere.force_login(user)

    set_up(browser, user)

    assert [client.get("/admin/").status_code for client in (browser, elsewhere)] == [200, 302]
    assert api.delete("/auth/token", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("fields", [{"password": "a guess"}, {"code": "000000"}, {"password": ""}])
def test_set_up_needs_the_password_and_the_code_of_the_app(browser, user, fields):
    assert set_up(browser, user, **fields).status_code == 200

    assert not has_second_factor(user)


def test_set_up_is_within_the_limits(browser, user, settings):
    settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR = 2
    for _ in range(2):
        set_up(browser, user, password="a guess")

    assert "Too many failed sign-ins" in set_up(browser, user).content.decode()
    assert not has_second_factor(user)


def test_replacing_the_second_factor_needs_a_code_of_the_earlier_one(device):
    client, user = Client(), device.user
    sign_in_page(client, code=code_of(device, -1))

    set_up(client, user)
    set_up(client, user, earlier_code="000000")
    unchanged_pk = TOTPDevice.objects.get(confirmed=True).pk
    set_up(client, user, earlier_code=code_of(device))

    assert unchanged_pk == device.pk
    assert TOTPDevice.objects.get(confirmed=True).pk != device.pk


def test_required_second_factor_leads_staff_to_the_set_up_and_then_on(client, user, api, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    sign_in_page(client)

    refused = [client.get(path) for path in ("/admin/", "/account/", "/notifications/", "/admin/password_change/")]
    allowed = [client.get(PAGE).status_code, client.get("/healthz").status_code]
    without = sign_in(api)
    set_up(client, user)

    assert [(page.status_code, page.headers["Location"]) for page in refused] == [(302, PAGE)] * 4
    assert allowed == [200, 200]
    assert_problem(without, 403, "second_factor_missing")
    assert client.get("/admin/").status_code == 200


def test_admin_removes_the_second_factor_of_a_user(device):
    admin, theirs = Client(), Client()
    admin.force_login(make_staff("admin", is_superuser=True))
    theirs.force_login(device.user)

    path = f"/admin/auth/user/{device.user.pk}/change/"
    form = {**read_form(admin.get(path)), "removes_second_factor": "on"}

    without_proof = admin.post(path, form)
    had_factor = has_second_factor(device.user)
    admin.post(path, {**form, "your_password": PASSWORD})

    assert ("Your own password is wrong or missing." in without_proof.content.decode(), had_factor) == (True, True)
    assert not has_second_factor(User.objects.get(username="asha"))
    assert theirs.get("/admin/").status_code == 302


def test_admin_has_no_pages_with_the_keys_of_others():
    admin = Client()
    admin.force_login(make_staff("admin", is_superuser=True))

    statuses = [admin.get(f"/admin/{path}/").status_code for path in ("otp_totp/totpdevice", "otp_static/staticdevice")]

    assert statuses == [404, 404]


def test_each_page_of_the_set_up_has_its_own_key(browser, user):
    keys = [browser.get(PAGE).context["key"] for _ in range(2)]

    assert keys[0] != keys[1]
    assert not TOTPDevice.objects.exists()


def test_set_up_refuses_the_key_of_another_user_and_shows_a_new_one(browser, user):
    foreign = new_key(make_staff("nila"))
    code = code_of(device_with(User.objects.get(username="nila"), foreign))

    page = browser.post(PAGE, {"password": PASSWORD, "code": code, "key": foreign})

    assert "This page was too old" in page.content.decode()
    assert page.context["form"]["key"].value() != foreign
    assert not has_second_factor(user)


def test_wrong_code_of_the_new_app_does_not_use_up_the_earlier_code(device):
    client, user = Client(), device.user
    sign_in_page(client, code=code_of(device, -1))
    earlier_code = code_of(device)

    set_up(client, user, earlier_code=earlier_code, code="000000")
    set_up(client, user, earlier_code=earlier_code)

    assert TOTPDevice.objects.get().pk != device.pk


def test_proof_of_an_admin_with_a_second_factor_needs_its_code(device):
    User.objects.filter(pk=device.user.pk).update(is_superuser=True)
    client, other = Client(), make_staff("nila")
    client.force_login(User.objects.get(pk=device.user.pk))
    path = f"/admin/auth/user/{other.pk}/change/"
    form = {**read_form(client.get(path)), "email": "nila@example.com", "your_password": PASSWORD}

    emails = []
    for code in ("", "000000", code_of(device)):
        client.post(path, {**form, "your_code": code})
        emails.append(User.objects.get(pk=other.pk).email)

    assert emails == ["", "", "nila@example.com"]


def test_qr_code_has_a_light_background_also_on_a_dark_page(browser):
    svg = browser.get(PAGE).context["qr_code"]

    assert re.search(r'<path fill="(#fff|white)" d="M0 0h\d+v\d+h-\d+z"', svg)
