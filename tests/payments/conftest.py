from typing import Any

import pytest

from payments.models import Payment
from sandbox.process import RunningSandbox
from tests.builders.payments import WEBHOOK_SECRET, make_captured_payment


@pytest.fixture(autouse=True)
def webhook_secrets(settings: Any) -> None:
    settings.RAZORPAY_WEBHOOK_SECRETS = ["the-next-secret", WEBHOOK_SECRET]


@pytest.fixture
def payment(sandbox: RunningSandbox, transactional_db: None) -> Payment:
    """A captured payment of INR 500 for a confirmed booking."""
    return make_captured_payment(sandbox)
