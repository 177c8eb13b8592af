"""Defaults that applied migrations import. Their paths are permanent."""

from __future__ import annotations

import uuid


def new_receipt() -> str:
    """Return a receipt for the gateway: unique, at most 40 characters, and the key to find a lost order by."""
    return f"bk_{uuid.uuid4().hex}"
