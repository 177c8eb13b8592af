import pytest
import requests

from payments.gateway.client import RazorpayClient, _read_response
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected


def test_call_to_an_unreachable_gateway_is_not_sent(sandbox, settings):
    settings.RAZORPAY_API_BASE_URL = "http://127.0.0.1:9"

    with pytest.raises(GatewayNotSent):
        RazorpayClient().order.create({"amount": 100, "currency": "INR"})


def response_with(status, body):
    response = requests.Response()
    response.status_code, response._content = status, body
    return response


@pytest.mark.parametrize("error", [b'"no"', b"[]", b"{}", b"null", b"5"])
def test_gateway_error_with_an_unexpected_body_is_rejected(error):
    with pytest.raises(GatewayRejected):
        _read_response(response_with(400, b'{"error": ' + error + b"}"))


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"[]"), (200, b"<html>"), (400, b"<html>"), (302, b"{}"), (409, b"{}"), (503, b"{}")]
)
def test_unreadable_gateway_response_is_outcome_unknown(status, body):
    with pytest.raises(GatewayOutcomeUnknown):
        _read_response(response_with(status, body))


@pytest.mark.parametrize(
    ("status", "error_type"), [(429, GatewayNotSent), (503, GatewayOutcomeUnknown), (500, GatewayOutcomeUnknown)]
)
@pytest.mark.parametrize(("header", "seconds"), [("30", 30), ("", None), ("soon", None), ("99999", 3600)])
def test_gateway_error_has_the_seconds_of_retry_after(status, error_type, header, seconds):
    response = response_with(status, b"{}")
    response.headers["Retry-After"] = header

    with pytest.raises(error_type) as caught:
        _read_response(response)

    assert caught.value.retry_after == seconds
