import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from foundation.models import CallbackSource
from foundation.refused_callbacks import ALERT_AT, count_refused_callback
from notifications.models import Notification
from tests.builders.notifications import make_notification
from tests.builders.payments import post_webhook, sign_webhook
from tests.builders.twilio import post_status_callback
from tests.problems import assert_problem
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)


def post_inbound(host="http://testserver"):
    path, fields = "/notifications/twilio/inbound", {"From": "+919812340003", "Body": "hello", "MessageSid": "SM9"}
    signature = RequestValidator("sandbox-auth-token").compute_signature(f"{host}{path}", fields)
    return Client().post(path, fields, headers={"X-Twilio-Signature": signature})


def post_status(host="http://testserver"):
    return post_status_callback(Notification.objects.first() or make_notification(), "sent", host=host)


def post_razorpay_webhook(secret="sandbox-webhook-secret"):
    body = b'{"event": "payment.captured"}'
    return post_webhook(body, sign_webhook(body, secret))


CALLBACKS = [
    (post_status, {"host": "http://internal:8000"}, "PUBLIC_BASE_URL (http://testserver)"),
    (post_inbound, {"host": "http://internal:8000"}, "PUBLIC_BASE_URL (http://testserver)"),
    (post_razorpay_webhook, {"secret": "another"}, "RAZORPAY_WEBHOOK_SECRETS"),
]


@pytest.mark.parametrize(("post", "forgery", "setting"), CALLBACKS)
def test_refused_callbacks_in_a_row_are_reported_once_with_the_setting(caplog, post, forgery, setting):
    for _ in range(ALERT_AT - 1):
        post(**forgery)
    before = list(caplog.records)
    for _ in range(ALERT_AT + 2):
        post(**forgery)

    assert before == []
    (record,) = caplog.records
    assert (record.levelname, setting in record.getMessage()) == ("ERROR", True)


@pytest.mark.parametrize(("post", "forgery", "setting"), CALLBACKS)
def test_refused_callback_states_which_settings_to_check_and_no_secret(settings, post, forgery, setting):
    status = 400 if post is post_razorpay_webhook else 403

    problem = assert_problem(post(**forgery), status, "callback_not_signed")

    assert "signature" in problem["detail"]
    assert setting in problem["detail"]
    secrets = [*settings.RAZORPAY_WEBHOOK_SECRETS, settings.RAZORPAY_KEY_SECRET, settings.TWILIO_AUTH_TOKEN]
    assert not [secret for secret in secrets if secret in problem["detail"]]


@pytest.mark.parametrize(("post", "forgery", "setting"), CALLBACKS)
def test_valid_callback_ends_the_row_of_refused_ones(caplog, post, forgery, setting):
    for _ in range(2):
        for _ in range(ALERT_AT - 1):
            post(**forgery)
        assert post().status_code in (200, 204)
    reported_before = list(caplog.records)
    for _ in range(ALERT_AT):
        post(**forgery)

    assert (reported_before, len(caplog.records)) == ([], 1)


def test_valid_status_callbacks_do_not_hide_refused_inbound_messages(caplog):
    for _ in range(ALERT_AT):
        post_inbound(host="http://internal:8000")
        post_status()

    assert len(caplog.records) == 1


def test_refused_callbacks_are_counted_over_all_processes_and_reported_once(caplog):
    count_refused_callback("Twilio", advice="Check it.")

    errors = run_concurrently([lambda: count_refused_callback("Twilio", advice="Check it.")] * (ALERT_AT + 10))

    assert (errors, len(caplog.records), CallbackSource.objects.get().refused) == ([], 1, ALERT_AT)
