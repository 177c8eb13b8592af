"""Replace functions of Daybook for the negative controls."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def replace(module: ModuleType, name: str, value: Any) -> None:
    """Replace an attribute of a module. Raises AttributeError if it is missing: such a control would prove nothing."""
    if not hasattr(module, name):
        raise AttributeError(f"{module.__name__} has no attribute {name}")
    setattr(module, name, value)
