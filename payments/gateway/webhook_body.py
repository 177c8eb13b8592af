"""Read the body of a webhook: JSON, which PostgreSQL must be able to store."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import Any

from payments.gateway.errors import UnreadableEntity

# PostgreSQL's text has neither NUL nor halves of surrogate pairs; JSON can escape both.
NOT_IN_TEXT = re.compile("[\0\ud800-\udfff]")
RAW = "raw_base64"


def read_event(body: bytes) -> dict[str, Any]:
    """Return the event, without characters that PostgreSQL cannot store. Raises UnreadableEntity with the reason."""
    try:
        event = _clean(json.loads(body))
        json.dumps(event, allow_nan=False)
    except RecursionError as error:
        raise UnreadableEntity("The webhook's JSON is nested too deeply.") from error
    except ValueError as error:  # also for bytes that are not Unicode, very long numbers, and NaN
        raise UnreadableEntity(f"The webhook is not valid JSON: {error}") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise UnreadableEntity("The webhook does not name its event.")
    return event


def pack_unreadable(body: bytes) -> dict[str, Any]:
    """Return any bytes as JSON."""
    return {RAW: b64encode(body).decode()}


def unpack_unreadable(packed: dict[str, Any] | None) -> bytes:
    """Return the bytes that were packed. Raises UnreadableEntity if they were not kept."""
    if not packed or RAW not in packed:
        raise UnreadableEntity("The webhook could not be read, and its body is no longer stored.")
    return b64decode(packed[RAW])


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return NOT_IN_TEXT.sub("", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
