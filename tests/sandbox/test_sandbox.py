"""The other tests rely on the sandbox, so these tests check it against the providers' own SDKs."""

import smtplib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl

import pytest
import razorpay
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from notifications.providers.base import ProviderOutcomeUnknown, ProviderRateLimited
from notifications.providers.twilio.client import TwilioHttpClient, get_client
from sandbox.process import running_sandbox

pytestmark = pytest.mark.slow

ACCOUNT, TOKEN = "AC" + "0" * 32, "sandbox-auth-token"


@pytest.fixture
def messages(sandbox):
    return get_client().messages


@pytest.fixture
def gateway(sandbox):
    return razorpay.Client(auth=("rzp_test_sandbox", "sandbox-key-secret"), base_url=sandbox.http_url)


@contextmanager
def running_server(handler):
    """Run a web server on loopback; yield its address."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def callback_server():
    """Run a web server that records the requests it receives; yield its address, the requests, and an event."""
    posts, two_posts_arrived = [], threading.Event()

    class RecordingHandler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            posts.append((self.path, dict(parse_qsl(body, keep_blank_values=True)), self.headers["X-Twilio-Signature"]))
            self.send_response(204)
            self.end_headers()
            if len(posts) >= 2:
                two_posts_arrived.set()

        def log_message(self, *args):
            """Suppress the log."""

    with running_server(RecordingHandler) as address:
        yield address, posts, two_posts_arrived


def test_accepted_message_is_logged_and_can_be_fetched(sandbox, messages):
    sent = messages.create(to="+919812340101", from_="+15005550006", body="hello")

    assert messages(sent.sid).fetch().body == "hello"
    assert [found.sid for found in messages.list(to="+919812340101")] == [sent.sid]
    assert [entry["sid"] for entry in sandbox.client.accepted() if entry["to"] == "+919812340101"] == [sent.sid]


def test_long_list_is_paginated(messages):
    sent = {messages.create(to="+919812340102", from_="+15005550006", body=f"{n}").sid for n in range(5)}

    assert {found.sid for found in messages.list(to="+919812340102", page_size=2)} == sent


@pytest.mark.parametrize(
    ("to", "code"),
    [("+15005550001", 21211), ("+15005550004", 21610), ("+15005550009", 21614), ("nonsense", 21211), ("", 21604)],
)
def test_invalid_recipients_are_refused_with_twilio_codes(messages, to, code):
    with pytest.raises(TwilioRestException) as refusal:
        messages.create(to=to, from_="+15005550006", body="hello")

    assert (refusal.value.status, refusal.value.code) == (400, code)


@pytest.mark.parametrize(
    ("sender", "code"), [("+15005550001", 21212), ("+15005550007", 21606), ("+15005550008", 21611)]
)
def test_invalid_senders_are_refused_with_twilio_codes(messages, sender, code):
    with pytest.raises(TwilioRestException) as refusal:
        messages.create(to="+919812340101", from_=sender, body="hello")

    assert (refusal.value.status, refusal.value.code) == (400, code)


def test_wrong_credentials_are_refused(sandbox):
    unknown_caller = Client(ACCOUNT, "wrong", http_client=TwilioHttpClient())

    with pytest.raises(TwilioRestException) as refusal:
        unknown_caller.messages.create(to="+919812340101", from_="+15005550006", body="hello")

    assert (refusal.value.status, refusal.value.code) == (401, 20003)


def test_callback_signatures_pass_twilio_request_validator(messages, callback_server):
    base, posts, two_posts_arrived = callback_server
    messages.create(to="+919812340103", from_="+15005550006", body="hello", status_callback=f"{base}/status#rc=3")

    assert two_posts_arrived.wait(10)
    assert [fields["MessageStatus"] for _, fields, _ in posts] == ["sent", "delivered"]
    for path, fields, signature in posts:
        assert path == "/status"
        assert RequestValidator(TOKEN).validate(f"{base}/status", fields, signature)


def test_paid_order_is_captured_and_checkout_response_is_signed(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR", "receipt": "r1"})

    checkout_response = sandbox.client.pay(order["id"])

    assert gateway.utility.verify_payment_signature(checkout_response)
    assert gateway.order.fetch(order["id"])["status"] == "paid"
    assert gateway.payment.fetch(checkout_response["razorpay_payment_id"])["status"] == "captured"
    assert [found["id"] for found in gateway.order.all({"receipt": "r1"})["items"]] == [order["id"]]


def test_paid_order_refuses_second_payment(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR"})
    sandbox.client.pay(order["id"])

    with pytest.raises(requests.HTTPError, match="already done"):
        sandbox.client.pay(order["id"])


def test_failed_payment_can_be_authorized_late_and_captured(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR"})
    failed_payment = sandbox.client.fail(order["id"])

    sandbox.client.late_authorize(failed_payment["id"])
    captured_payment = gateway.payment.capture(failed_payment["id"], 50_000, {"currency": "INR"})

    assert (failed_payment["status"], captured_payment["status"]) == ("failed", "captured")


def test_repeated_refund_with_same_key_refunds_once(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR"})
    payment_id = sandbox.client.pay(order["id"])["razorpay_payment_id"]
    headers = {"X-Refund-Idempotency": f"key-{payment_id}"}

    first_refund = gateway.payment.refund(payment_id, {"amount": 20_000}, headers=headers)
    repeated_refund = gateway.payment.refund(payment_id, {"amount": 20_000}, headers=headers)

    assert first_refund["id"] == repeated_refund["id"]
    assert gateway.payment.fetch(payment_id)["amount_refunded"] == 20_000
    with pytest.raises(razorpay.errors.BadRequestError, match="idempotency"):
        gateway.payment.refund(payment_id, {"amount": 30_000}, headers=headers)
    with pytest.raises(razorpay.errors.BadRequestError, match="greater"):
        gateway.payment.refund(payment_id, {"amount": 30_001})


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"amount": 50, "currency": "INR"}, "minimum"),
        ({"amount": "5", "currency": "INR"}, "integer"),
        ({"amount": 500, "currency": "INR", "receipt": "x" * 41}, "40"),
    ],
)
def test_invalid_orders_are_refused(gateway, order, words):
    with pytest.raises(razorpay.errors.BadRequestError, match=words):
        gateway.order.create(order)


def test_dispute_is_listed_fetched_and_decided(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR"})
    payment_id = sandbox.client.pay(order["id"])["razorpay_payment_id"]
    dispute = sandbox.client.dispute(payment_id, amount=20_000)

    sandbox.client.change_dispute(dispute["id"], "lost")

    fetched = gateway.dispute.fetch(dispute["id"])
    assert (fetched["status"], fetched["amount_deducted"], fetched["payment_id"]) == ("lost", 20_000, payment_id)
    assert fetched in gateway.dispute.all({"count": 100})["items"]
    events = [event["event"] for event in sandbox.client.webhooks() if dispute["id"] in event["body"]]
    assert events == ["payment.dispute.created", "payment.dispute.lost"]


def test_uncaptured_payment_cannot_be_disputed(sandbox, gateway):
    order = gateway.order.create({"amount": 50_000, "currency": "INR"})
    payment_id = sandbox.client.pay(order["id"], capture=False)["razorpay_payment_id"]

    with pytest.raises(requests.HTTPError, match="409"):
        sandbox.client.dispute(payment_id)


def test_fee_is_part_of_the_amount_if_the_customer_bears_it(sandbox, gateway):
    sandbox.client.set(customer_bears_fee=True)
    order = gateway.order.create({"amount": 120_000, "currency": "INR"})

    payment = gateway.payment.fetch(sandbox.client.pay(order["id"])["razorpay_payment_id"])

    assert (payment["amount"], payment["fee"], payment["tax"]) == (122_832, 2_832, 432)


def test_unique_receipts_setting_refuses_repeated_receipt(sandbox, gateway):
    gateway.order.create({"amount": 500, "currency": "INR", "receipt": "once"})
    sandbox.client.set(unique_receipts=True)

    with pytest.raises(razorpay.errors.BadRequestError, match="unique"):
        gateway.order.create({"amount": 500, "currency": "INR", "receipt": "once"})


def test_mail_is_logged_with_its_message_id(sandbox):
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\nMessage-ID: <m1@example.com>\n\nhello")

    logged_mails = [entry for entry in sandbox.client.accepted() if entry.get("message_id") == "<m1@example.com>"]
    assert [(mail["to"], mail["subject"], mail["body"].strip()) for mail in logged_mails] == [
        ("b@example.com", "Hi", "hello")
    ]


@pytest.mark.parametrize(("fault", "accepted"), [("error_before", 0), ("error_after", 1)])
def test_error_response_accepts_message_only_if_injected_after(sandbox, messages, fault, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1})

    with pytest.raises(TwilioRestException) as refusal:
        messages.create(to="+919812340104", from_="+15005550006", body="hello")

    assert (refusal.value.status, len(sandbox.client.accepted()) - before) == (500, accepted)


@pytest.mark.parametrize("seconds", [0, 30])
def test_throttled_message_gets_429_with_retry_after_if_it_is_set(sandbox, messages, seconds):
    before = len(sandbox.client.accepted())
    sandbox.client.set(throttle=1, throttle_retry_after=seconds)

    with pytest.raises(ProviderRateLimited) as refusal:
        messages.create(to="+919812340104", from_="+15005550006", body="hello")

    assert (refusal.value.code, refusal.value.retry_after) == ("20429", seconds or None)
    assert len(sandbox.client.accepted()) == before


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [("hang_before", 0), ("hang_after", 1), ("reset_before", 0), ("reset_after", 1), ("html_error", 0)],
)
def test_broken_response_accepts_message_only_if_injected_after(sandbox, messages, fault, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1, "hang_seconds": 0.2})

    with pytest.raises((ProviderOutcomeUnknown, TwilioRestException)):
        messages.create(to="+919812340106", from_="+15005550006", body="hello")

    assert len(sandbox.client.accepted()) - before == accepted


def test_requests_above_concurrency_limit_get_429(sandbox, messages):
    sandbox.client.set(concurrency_limit=2, message_seconds_min=0.5, message_seconds_max=0.5)

    def send(number):
        try:
            messages.create(to="+919812340107", from_="+15005550006", body=f"{number}")
        except ProviderRateLimited as refusal:
            return refusal.http_status
        return 201

    with ThreadPoolExecutor(6) as callers:
        responses = sorted(callers.map(send, range(6)))

    assert responses == [201, 201, 429, 429, 429, 429]


def test_smtp_refuses_bare_line_feeds_as_a_strict_postfix_does(sandbox):
    log_length = len(sandbox.client.log())

    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        server.ehlo()
        replies = []
        for line_end in (b"\n", b"\r\n"):
            server.mail("bookings@example.com")
            server.rcpt("meera@example.com")
            replies.append(server.data(line_end.join([b"Subject: Visit", b"", b"Hello", b""]))[0])

    assert replies == [550, 250]
    assert len(sandbox.client.log(log_length, kind="email.accepted")) == 1


@pytest.mark.parametrize(("fault", "accepted"), [("smtp_refuse", 0), ("smtp_drop_before", 0), ("smtp_drop_after", 1)])
def test_smtp_faults_accept_mail_only_if_injected_after(sandbox, fault, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1})

    with (
        pytest.raises(smtplib.SMTPException),
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server,
    ):
        server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\n\nhello")

    assert len(sandbox.client.accepted()) - before == accepted


@pytest.mark.parametrize(
    ("fault", "code"), [("smtp_throttle", 450), ("smtp_require_starttls", 530), ("smtp_deny_relay", 554)]
)
def test_smtp_refuses_the_envelope_as_real_servers_do(sandbox, fault, code):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1})

    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        server.ehlo()
        replies = [server.mail("a@example.com")[0], server.rcpt("b@example.com")[0]]

    assert code in replies
    assert len(sandbox.client.accepted()) == before


def test_smtp_connections_above_the_limit_get_421_at_the_banner(sandbox):
    sandbox.client.set(smtp_connection_limit=2)

    with (
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port),
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port),
        pytest.raises(smtplib.SMTPConnectError) as refusal,
    ):
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port)

    assert refusal.value.smtp_code == 421


def test_smtp_closes_after_the_number_of_messages(sandbox):
    sandbox.client.set(smtp_messages_per_connection=2)
    replies = []

    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        for _ in range(2):
            server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\n\nhello")
        replies.append(server.mail("a@example.com")[0])
        with pytest.raises(smtplib.SMTPServerDisconnected):
            server.noop()

    assert replies == [421]


def test_smtp_scans_before_it_accepts(sandbox):
    sandbox.client.set(smtp_scan=1, hang_seconds=0.5)
    started_at = time.monotonic()

    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\n\nhello")

    assert time.monotonic() - started_at >= 0.5


@pytest.mark.parametrize(("to", "code"), [("b@bounce.example", 550), ("b@greylist.example", 451)])
def test_smtp_refuses_bounce_and_greylist_recipients(sandbox, to, code):
    with (
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server,
        pytest.raises(smtplib.SMTPRecipientsRefused) as refusal,
    ):
        server.sendmail("a@example.com", [to], "Subject: Hi\n\nhello")

    assert refusal.value.recipients[to][0] == code


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("callback_lost", []),
        ("callback_duplicated", ["sent", "sent", "delivered", "delivered"]),
        ("callback_reordered", ["delivered", "sent"]),
    ],
)
def test_callbacks_can_be_lost_doubled_and_reordered(sandbox, messages, callback_server, fault, statuses):
    base, posts, _ = callback_server
    sandbox.client.set(**{fault: 1, "callback_seconds_max": 0.15})

    sent = messages.create(to="+919812340108", from_="+15005550006", body="hello", status_callback=f"{base}/status")
    end = time.monotonic() + 10
    while [entry["sid"] for entry in sandbox.client.log(kind="message.status")].count(sent.sid) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.2)

    assert [fields["MessageStatus"] for _, fields, _ in posts] == statuses


@pytest.mark.parametrize(("to", "code"), [("+919812343003", "30003"), ("+919812343006", "30006")])
def test_messages_to_undeliverable_numbers_become_undelivered(messages, callback_server, to, code):
    base, posts, two_posts_arrived = callback_server
    messages.create(to=to, from_="+15005550006", body="hello", status_callback=f"{base}/status")

    assert two_posts_arrived.wait(10)
    assert (posts[-1][1]["MessageStatus"], posts[-1][1]["ErrorCode"]) == ("undelivered", code)


def test_message_list_can_fail(sandbox, messages):
    sandbox.client.set(list_error=1)

    with pytest.raises(TwilioException, match="20500"):
        messages.list(to="+919812340101")


def test_log_can_be_read_after_sequence_number(sandbox, messages):
    last = sandbox.client.log()[-1]["seq"]

    sent = messages.create(to="+919812340109", from_="+15005550006", body="hello")

    assert [entry["sid"] for entry in sandbox.client.log(after=last, kind="message.accepted")] == [sent.sid]


def test_unknown_setting_is_refused_with_list_of_known_settings(sandbox):
    with pytest.raises(requests.HTTPError, match=r"Unknown setting 'weather'.*message_seconds_min"):
        sandbox.client.set(weather=1)


def test_page_shows_messages_and_loads_nothing_external(sandbox, messages):
    messages.create(to="+919812340105", from_="+15005550006", body="<b>hello</b>")

    page = requests.get(sandbox.http_url, timeout=5).text

    assert "&lt;b&gt;hello" in page
    assert "http" not in page.replace(sandbox.http_url, "")


@pytest.fixture
def second_attempt_server():
    """Run a web server that acknowledges each event only on its second delivery."""
    posts, acknowledged = [], threading.Event()

    class SecondAttemptHandler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            event_id = self.headers["x-razorpay-event-id"]
            is_known = event_id in [known for known, _, _ in posts]
            posts.append((event_id, body, self.headers["X-Razorpay-Signature"]))
            self.send_response(200 if is_known else 500)
            self.end_headers()
            if is_known:
                acknowledged.set()

        def log_message(self, *args):
            """Suppress the log."""

    with running_server(SecondAttemptHandler) as address:
        yield address, posts, acknowledged


def test_webhooks_are_signed_over_raw_body_and_retried_until_acknowledged(second_attempt_server):
    address, posts, acknowledged = second_attempt_server
    with running_sandbox(gateway_seconds_max=0.06, webhook_url=f"{address}/hook") as sandbox:
        gateway = razorpay.Client(auth=("rzp_test_sandbox", "sandbox-key-secret"), base_url=sandbox.http_url)
        sandbox.client.pay(gateway.order.create({"amount": 500, "currency": "INR"})["id"])

        assert acknowledged.wait(10)

    for _, body, signature in posts:
        assert gateway.utility.verify_webhook_signature(body, signature, "sandbox-webhook-secret")
