"""Replace functions, for the negative controls."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def replace(module: ModuleType, name: str, value: Any) -> None:
    """Set an existing attribute. A control that replaces nothing would pass for the wrong reason: AttributeError."""
    if not hasattr(module, name):
        raise AttributeError(f"{module.__name__} has no {name}")
    setattr(module, name, value)
