import pytest

from foundation.outcomes import Rejected
from notifications.providers.base import ProviderRejected
from payments.gateway.errors import GatewayRejected


@pytest.mark.parametrize("error_type", [Rejected, ProviderRejected, GatewayRejected])
@pytest.mark.parametrize("text", ["spam\0", "spam\ud83d", "spam\u202e\r\n"])
def test_reason_that_a_service_gives_can_be_stored(error_type, text):
    reason = str(error_type(text))

    assert reason == "spam"
