import re

import pytest
from django.core.management import call_command

from demo.management.commands.demo import _second_factor
from demo.management.commands.seed_demo import LOGINS, PASSWORD, SECOND_FACTOR_LOGIN

pytestmark = pytest.mark.django_db


def test_one_login_of_the_demo_needs_the_printed_code_and_the_others_none(api, settings):
    settings.DEBUG = True
    call_command("seed_demo")
    (code,) = re.findall(r"the code is (\d{6}) now", _second_factor())

    def status(**fields):
        return api.post("/auth/token", {"password": PASSWORD, **fields}, format="json").status_code

    assert {name: status(username=name) for name in LOGINS} == {
        "frontdesk": 200,
        "manager": 200,
        "admin": 200,
        SECOND_FACTOR_LOGIN: 403,
    }
    assert status(username=SECOND_FACTOR_LOGIN, code=code) == 200
