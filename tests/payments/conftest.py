from typing import Any

import pytest

from payments.gateway import deadline
from tests.builders.payments import SECRET


@pytest.fixture(autouse=True)
def webhook_secrets(settings: Any) -> None:
    settings.RAZORPAY_WEBHOOK_SECRETS = ["the-next-secret", SECRET]


@pytest.fixture(autouse=True)
def generous_deadline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give gateway calls more time than a busy machine needs, except in tests marked ``short_deadline``."""
    if request.node.get_closest_marker("short_deadline") is None:
        for name in ("DEADLINE_SECONDS", "CONNECT_SECONDS", "READ_SECONDS"):
            monkeypatch.setattr(deadline, name, 10.0)
