"""Build callers, service tokens, and clients that send them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.test import APIClient

from accounts.callers import Caller, caller_of
from accounts.operations import create_service_token, create_staff_token
from tests.builders.accounts import make_staff

OTHER_ADDRESS = "203.0.113.9"


def anonymous_caller(address: str = "127.0.0.1") -> Caller:
    """Return the caller that an API client without a token is."""
    return caller_of(Request(RequestFactory().get("/", REMOTE_ADDR=address)))


def bearer_client(token: str) -> APIClient:
    """Return an API client that sends ``token`` as its bearer token."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def service_client(name: str = "Website") -> APIClient:
    """Return an API client with a new service token."""
    return bearer_client(create_service_token(name=name).token)


def staff_client(user: User | None = None) -> APIClient:
    """Return an API client with the bearer token of a member of staff."""
    return bearer_client(create_staff_token(user=user or make_staff()).token)
