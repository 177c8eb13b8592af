"""HTTP connections to external services that distinguish a request that was not sent from a missing response.

urllib3 raises the same exceptions for both. But a service cannot act on a request that was not written completely, so
any error until then means that it had no effect.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError

from foundation.outcomes import NotSent

BEFORE_THE_RESPONSE = (OSError, HTTPException, HTTPError, ValueError)  # also of ssl, and for what cannot be encoded


class RequestNotSent(NotSent):
    """The request was not written completely. ``is_setup_fault``: a person must correct the address or certificate."""

    def __init__(self, reason: str, *, is_setup_fault: bool) -> None:
        super().__init__(reason)
        self.is_setup_fault = is_setup_fault


class _Connection(HTTPConnection):
    def connect(self) -> None:
        with _not_sent():
            super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        with _not_sent():
            super().request(*args, **options)


class _EncryptedConnection(HTTPSConnection):
    def connect(self) -> None:
        with _not_sent():
            super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        with _not_sent():
            super().request(*args, **options)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


POOL_CLASSES: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _Pool, "https": _EncryptedPool}


class PoolManager(urllib3.PoolManager):
    """A pool manager that raises RequestNotSent until a request is written, and urllib3's exceptions afterwards."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = POOL_CLASSES

    def urlopen(self, method: str, url: str, redirect: bool = False, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        if not url.startswith(("http://", "https://")):
            raise RequestNotSent("The URL does not begin with https://.", is_setup_fault=True)
        with _not_sent((LocationValueError,)):  # an invalid URL
            return super().urlopen(method, url, redirect=redirect, **options)


class Adapter(HTTPAdapter):
    """The same for a session of requests."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = POOL_CLASSES
        return manager


@contextmanager
def _not_sent(errors: tuple[type[Exception], ...] = BEFORE_THE_RESPONSE) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise RequestNotSent(_describe(error), is_setup_fault=_is_setup_fault(error)) from error


def _is_setup_fault(error: Exception) -> bool:
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return False  # the service closed the connection
    return isinstance(error, (ssl.SSLError, urllib3.exceptions.SSLError, HTTPException, ValueError))


def _describe(error: Exception) -> str:
    """Return the kind of error, without the address of an object that urllib3 puts into its texts."""
    reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or ""
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
