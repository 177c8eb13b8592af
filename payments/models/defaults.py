"""Defaults that applied migrations import. Their import paths are permanent."""

from __future__ import annotations

import uuid


def new_receipt() -> str:
    """Return a unique receipt for the gateway, of at most 40 characters, to find an order by if its id is lost."""
    return f"bk_{uuid.uuid4().hex}"
