from typing import Any

import pytest

from tests.builders.payments import SECRET


@pytest.fixture(autouse=True)
def webhook_secrets(settings: Any) -> None:
    settings.RAZORPAY_WEBHOOK_SECRETS = ["the-next-secret", SECRET]
