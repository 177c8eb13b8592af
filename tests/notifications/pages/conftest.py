import pytest
from django.test import Client

from tests.builders.accounts import make_staff


@pytest.fixture
def manager(db):
    """A test client that is signed in as a manager."""
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client
