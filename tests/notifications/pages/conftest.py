import pytest
from django.test import Client

from tests.builders.accounts import make_staff


@pytest.fixture
def manager(db):
    """A browser in which a manager is signed in."""
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client
