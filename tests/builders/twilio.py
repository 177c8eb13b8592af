"""Build the requests that Twilio sends."""

from __future__ import annotations

import uuid
from typing import Any

from django.test import Client
from twilio.request_validator import RequestValidator

from notifications.models import Notification


def post_status_callback(
    notification: Notification,
    status: str,
    *,
    sid: str = "SM1",
    token: str = "sandbox-auth-token",
    host: str = "http://testserver",
    attempt_id: uuid.UUID | None = None,
    **extra: str,
) -> Any:
    """Post a status callback as Twilio does, signed with ``token`` for the public address ``host``."""
    path = f"/notifications/twilio/status/{notification.pk}/{attempt_id or uuid.UUID(int=1)}"
    fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": "AC0", **extra}
    signature = RequestValidator(token).compute_signature(f"{host}{path}", fields)
    return Client().post(path, fields, headers={"X-Twilio-Signature": signature})
