import pytest
from django.test import Client

from tests.builders.accounts import sign_in_staff

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("on", ["yesterday", "2026-02-30", "0001-01-01", "99999-01-01", "2026-01-01'--"])
def test_takings_of_an_invalid_date_show_an_error(manager, on):
    assert "This is not a valid date" in manager.get("/payments/takings", {"on": on}).content.decode()
    assert manager.get("/payments/takings.csv", {"on": on}).status_code == 400


@pytest.mark.parametrize("path", ["/payments/takings", "/payments/takings.csv"])
def test_takings_without_permission_are_403(path):
    assert Client().get(path).status_code == 302
    assert sign_in_staff(None).get(path).status_code == 403
