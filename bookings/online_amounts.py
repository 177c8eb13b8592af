"""Which amounts can be paid online. The app that takes the payments registers its rule in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[int, str], None]

_checks: list[Check] = []


def add_online_amount_check(check: Check) -> None:
    """Let ``check(amount_minor, currency)`` raise ValidationError for an amount that cannot be paid online."""
    _checks.append(check)


def check_online_amount(amount_minor: int, currency: str) -> None:
    """Raise ValidationError if this amount cannot be paid online."""
    for check in _checks:
        check(amount_minor, currency)
