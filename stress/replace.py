"""Replace functions of Daybook for the negative controls."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def replace(owner: ModuleType | type, name: str, value: Any) -> None:
    """Replace an attribute of a module or class.

    Raises AttributeError if it is missing, and ValueError if it does not change: such a control would prove nothing.
    """
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no attribute {name}")
    if getattr(owner, name) == value:
        raise ValueError(f"{owner.__name__}.{name} does not change")
    setattr(owner, name, value)
