import pytest

from notifications.providers.base import (
    ChannelBroken,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    RecipientOptedOut,
    RecipientUnreachable,
)
from notifications.providers.twilio.send import classify_refusal


@pytest.mark.parametrize(
    ("http_status", "code", "error_type"),
    [
        (400, "21211", RecipientUnreachable),
        (400, "21610", RecipientOptedOut),
        (400, "21617", ProviderRejected),
        (400, "99999", ProviderRejected),
        (400, "21268", RecipientUnreachable),
        (400, "21212", ChannelBroken),
        (400, "21606", ChannelBroken),
        (400, "21660", ChannelBroken),
        (400, "63007", ChannelBroken),
        (400, "21609", ChannelBroken),
        (400, "21701", ChannelBroken),
        (429, "63038", ProviderRateLimited),
        (400, "21611", ProviderRateLimited),
        (429, "", ProviderRateLimited),
        (429, "20429", ProviderRateLimited),
        (401, "20003", ChannelBroken),
        (403, "", ChannelBroken),
        (500, "20500", ProviderOutcomeUnknown),
        (503, "21211", ProviderOutcomeUnknown),
        (302, "", ChannelBroken),
        (404, "20404", ChannelBroken),
    ],
)
def test_classify_refusal_by_code_and_status(http_status, code, error_type):
    assert classify_refusal(http_status=http_status, code=code) is error_type
