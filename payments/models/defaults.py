"""Defaults that applied migrations import. Their paths are permanent."""

from __future__ import annotations

import uuid


def new_receipt() -> str:
    """Return a unique receipt for the gateway, of at most 40 characters. A lost order is found by it."""
    return f"bk_{uuid.uuid4().hex}"
