"""Password hashes: Argon2, and few at a time, because each takes 100 MB and all cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher

from accounts.exceptions import SignInBusy
from foundation.host_slots import NoSlotFree, host_slot

HASHES_AT_A_TIME = 2
WAIT_SECONDS = 2.0


@contextmanager
def hash_slot() -> Iterator[None]:
    """Hold one of the host's slots for password hashes. Raises SignInBusy."""
    try:
        with host_slot("password-hashes", slots=HASHES_AT_A_TIME, wait_seconds=WAIT_SECONDS):
            yield
    except NoSlotFree as error:
        raise SignInBusy("The server is busy with other sign-ins. Try again in a few seconds.") from error


class LimitedArgon2PasswordHasher(Argon2PasswordHasher):
    """Django's Argon2, in a slot."""

    def encode(self, password: str, salt: str) -> str:
        with hash_slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with hash_slot():
            return super().verify(password, encoded)


class LimitedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """The hashes of earlier versions, in a slot: the next sign-in replaces them. ``verify`` calls ``encode``."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with hash_slot():
            return super().encode(password, salt, iterations)
