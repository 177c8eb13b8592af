import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.builders.accounts import make_staff


@pytest.fixture
def front_desk():
    client = Client()
    client.force_login(make_staff())
    return client


@pytest.fixture
def view_only_user():
    """A user who may only view bookings."""
    user = make_staff("view_only_user", group=None)
    user.user_permissions.add(Permission.objects.get(codename="view_booking"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def manager():
    client = Client()
    client.force_login(make_staff("manager", group="Managers"))
    return client
