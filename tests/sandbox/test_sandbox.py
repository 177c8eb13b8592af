"""The sandbox is what the other tests believe, so it is held against the providers' own SDKs."""

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

from notifications.providers.base import ProviderOutcomeUnknown
from notifications.providers.twilio.client import TwilioHttpClient, get_client
from sandbox.process import running_sandbox

ACCOUNT, TOKEN = "AC" + "0" * 32, "sandbox-auth-token"


@pytest.fixture
def messages(sandbox):
    return get_client().messages


@pytest.fixture
def shop(sandbox):
    return razorpay.Client(auth=("rzp_test_sandbox", "sandbox-key-secret"), base_url=sandbox.http_url)


@contextmanager
def serving(handler):
    """Serve on loopback; yield the address."""
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
def listener():
    """A web server that keeps the posts it gets."""
    got, arrived = [], threading.Event()

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, dict(parse_qsl(body, keep_blank_values=True)), self.headers["X-Twilio-Signature"]))
            self.send_response(204)
            self.end_headers()
            if len(got) >= 2:
                arrived.set()

        def log_message(self, *args):
            """Say nothing."""

    with serving(Keep) as address:
        yield address, got, arrived


def test_a_message_is_logged_when_it_is_accepted_and_can_be_found(sandbox, messages):
    sent = messages.create(to="+919812340101", from_="+15005550006", body="hello")

    assert messages(sent.sid).fetch().body == "hello"
    assert [found.sid for found in messages.list(to="+919812340101")] == [sent.sid]
    assert [entry["sid"] for entry in sandbox.client.accepted() if entry["to"] == "+919812340101"] == [sent.sid]


def test_a_long_list_comes_in_pages(messages):
    sent = {messages.create(to="+919812340102", from_="+15005550006", body=f"{n}").sid for n in range(5)}

    assert {found.sid for found in messages.list(to="+919812340102", page_size=2)} == sent


@pytest.mark.parametrize(
    ("to", "code"),
    [("+15005550001", 21211), ("+15005550004", 21610), ("+15005550009", 21614), ("nonsense", 21211), ("", 21604)],
)
def test_bad_recipients_are_refused_with_twilios_codes(messages, to, code):
    with pytest.raises(TwilioRestException) as refused:
        messages.create(to=to, from_="+15005550006", body="hello")

    assert (refused.value.status, refused.value.code) == (400, code)


def test_wrong_credentials_are_refused(sandbox):
    unknown_caller = Client(ACCOUNT, "wrong", http_client=TwilioHttpClient())

    with pytest.raises(TwilioRestException) as refused:
        unknown_caller.messages.create(to="+919812340101", from_="+15005550006", body="hello")

    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_callbacks_are_signed_as_twilio_signs_them(messages, listener):
    base, got, arrived = listener
    messages.create(to="+919812340103", from_="+15005550006", body="hello", status_callback=f"{base}/status#rc=3")

    assert arrived.wait(10)
    assert [fields["MessageStatus"] for _, fields, _ in got] == ["sent", "delivered"]
    for path, fields, signature in got:
        assert path == "/status"
        assert RequestValidator(TOKEN).validate(f"{base}/status", fields, signature)


def test_an_order_is_paid_captured_and_signed(sandbox, shop):
    order = shop.order.create({"amount": 50_000, "currency": "INR", "receipt": "r1"})

    paid = sandbox.client.pay(order["id"])

    assert shop.utility.verify_payment_signature(paid)
    assert shop.order.fetch(order["id"])["status"] == "paid"
    assert shop.payment.fetch(paid["razorpay_payment_id"])["status"] == "captured"
    assert [found["id"] for found in shop.order.all({"receipt": "r1"})["items"]] == [order["id"]]


def test_a_paid_order_takes_no_second_payment(sandbox, shop):
    order = shop.order.create({"amount": 50_000, "currency": "INR"})
    sandbox.client.pay(order["id"])

    with pytest.raises(requests.HTTPError, match="already done"):
        sandbox.client.pay(order["id"])


def test_a_failed_payment_can_be_authorised_late_and_captured(sandbox, shop):
    order = shop.order.create({"amount": 50_000, "currency": "INR"})
    failed = sandbox.client.fail(order["id"])

    sandbox.client.late_authorize(failed["id"])
    captured = shop.payment.capture(failed["id"], 50_000, {"currency": "INR"})

    assert (failed["status"], captured["status"]) == ("failed", "captured")


def test_a_refund_with_the_same_key_happens_once(sandbox, shop):
    payment = sandbox.client.pay(shop.order.create({"amount": 50_000, "currency": "INR"})["id"])["razorpay_payment_id"]
    key = {"X-Refund-Idempotency": f"key-{payment}"}

    first = shop.payment.refund(payment, {"amount": 20_000}, headers=key)
    again = shop.payment.refund(payment, {"amount": 20_000}, headers=key)

    assert first["id"] == again["id"]
    assert shop.payment.fetch(payment)["amount_refunded"] == 20_000
    with pytest.raises(razorpay.errors.BadRequestError, match="idempotency"):
        shop.payment.refund(payment, {"amount": 30_000}, headers=key)
    with pytest.raises(razorpay.errors.BadRequestError, match="greater"):
        shop.payment.refund(payment, {"amount": 30_001})


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"amount": 50, "currency": "INR"}, "minimum"),
        ({"amount": "5", "currency": "INR"}, "integer"),
        ({"amount": 500, "currency": "INR", "receipt": "x" * 41}, "40"),
    ],
)
def test_bad_orders_are_refused(shop, order, words):
    with pytest.raises(razorpay.errors.BadRequestError, match=words):
        shop.order.create(order)


def test_a_receipt_can_be_made_to_serve_once(sandbox, shop):
    shop.order.create({"amount": 500, "currency": "INR", "receipt": "once"})
    sandbox.client.set(unique_receipts=True)

    with pytest.raises(razorpay.errors.BadRequestError, match="unique"):
        shop.order.create({"amount": 500, "currency": "INR", "receipt": "once"})


def test_mail_is_kept_with_its_message_id(sandbox):
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server:
        server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\nMessage-ID: <m1@example.com>\n\nhello")

    remaining = [entry for entry in sandbox.client.accepted() if entry.get("message_id") == "<m1@example.com>"]
    assert [(mail["to"], mail["subject"], mail["body"].strip()) for mail in remaining] == [
        ("b@example.com", "Hi", "hello")
    ]


@pytest.mark.parametrize(
    ("fault", "status", "accepted"), [("error_before", 500, 0), ("error_after", 500, 1), ("throttle", 429, 0)]
)
def test_a_fault_before_accepts_nothing_and_a_fault_after_does(sandbox, messages, fault, status, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1})

    with pytest.raises(TwilioRestException) as refused:
        messages.create(to="+919812340104", from_="+15005550006", body="hello")

    assert (refused.value.status, len(sandbox.client.accepted()) - before) == (status, accepted)


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [("hang_before", 0), ("hang_after", 1), ("reset_before", 0), ("reset_after", 1), ("html_error", 0)],
)
def test_a_provider_can_fall_silent_before_and_after_accepting(sandbox, messages, fault, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1, "hang_seconds": 0.2})

    with pytest.raises((ProviderOutcomeUnknown, TwilioRestException)):
        messages.create(to="+919812340106", from_="+15005550006", body="hello")

    assert len(sandbox.client.accepted()) - before == accepted


def test_provider_above_its_limit_responds_429(sandbox, messages):
    sandbox.client.set(concurrency_limit=2, message_seconds_min=0.5, message_seconds_max=0.5)

    def send(number):
        try:
            messages.create(to="+919812340107", from_="+15005550006", body=f"{number}")
        except TwilioRestException as refusal:
            return refusal.status
        return 201

    with ThreadPoolExecutor(6) as callers:
        responses = sorted(callers.map(send, range(6)))

    assert responses == [201, 201, 429, 429, 429, 429]


@pytest.mark.parametrize(("fault", "accepted"), [("smtp_refuse", 0), ("smtp_drop_before", 0), ("smtp_drop_after", 1)])
def test_mail_has_faults_of_its_own(sandbox, fault, accepted):
    before = len(sandbox.client.accepted())
    sandbox.client.set(**{fault: 1})

    with (
        pytest.raises(smtplib.SMTPException),
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server,
    ):
        server.sendmail("a@example.com", ["b@example.com"], "Subject: Hi\n\nhello")

    assert len(sandbox.client.accepted()) - before == accepted


@pytest.mark.parametrize(("to", "code"), [("b@bounce.example", 550), ("b@greylist.example", 451)])
def test_mailboxes_can_be_gone_or_busy(sandbox, to, code):
    with (
        smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port) as server,
        pytest.raises(smtplib.SMTPRecipientsRefused) as no,
    ):
        server.sendmail("a@example.com", [to], "Subject: Hi\n\nhello")

    assert no.value.recipients[to][0] == code


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("callback_lost", []),
        ("callback_doubled", ["sent", "sent", "delivered", "delivered"]),
        ("callback_reordered", ["delivered", "sent"]),
    ],
)
def test_callbacks_get_lost_doubled_and_mixed_up(sandbox, messages, listener, fault, statuses):
    base, got, _ = listener
    sandbox.client.set(**{fault: 1, "callback_seconds_max": 0.15})

    sent = messages.create(to="+919812340108", from_="+15005550006", body="hello", status_callback=f"{base}/status")
    end = time.monotonic() + 10
    while [entry["sid"] for entry in sandbox.client.log(kind="message.status")].count(sent.sid) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.2)

    assert [fields["MessageStatus"] for _, fields, _ in got] == statuses


@pytest.mark.parametrize(("to", "code"), [("+919812343003", "30003"), ("+919812343006", "30006")])
def test_some_numbers_cannot_be_reached_in_the_end(messages, listener, to, code):
    base, got, arrived = listener
    messages.create(to=to, from_="+15005550006", body="hello", status_callback=f"{base}/status")

    assert arrived.wait(10)
    assert (got[-1][1]["MessageStatus"], got[-1][1]["ErrorCode"]) == ("undelivered", code)


def test_the_list_can_fail(sandbox, messages):
    sandbox.client.set(list_error=1)

    with pytest.raises(TwilioException, match="20500"):
        messages.list(to="+919812340101")


def test_the_log_can_be_read_from_a_point_on(sandbox, messages):
    last = sandbox.client.log()[-1]["seq"]

    sent = messages.create(to="+919812340109", from_="+15005550006", body="hello")

    assert [entry["sid"] for entry in sandbox.client.log(after=last, kind="message.accepted")] == [sent.sid]


def test_an_unknown_setting_is_refused_with_the_known_ones(sandbox):
    with pytest.raises(requests.HTTPError, match=r"no setting 'weather'.*message_seconds_min"):
        sandbox.client.set(weather=1)


def test_the_page_shows_what_was_sent_and_asks_for_nothing_from_outside(sandbox, messages):
    messages.create(to="+919812340105", from_="+15005550006", body="<b>hello</b>")

    page = requests.get(sandbox.http_url, timeout=5).text

    assert "&lt;b&gt;hello" in page
    assert "http" not in page.replace(sandbox.http_url, "")


@pytest.fixture
def hesitant():
    """A web server that takes a post only when it comes a second time."""
    got, taken = [], threading.Event()

    class Hesitate(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            event_id = self.headers["x-razorpay-event-id"]
            is_known = event_id in [known for known, _, _ in got]
            got.append((event_id, body, self.headers["X-Razorpay-Signature"]))
            self.send_response(200 if is_known else 500)
            self.end_headers()
            if is_known:
                taken.set()

        def log_message(self, *args):
            """Say nothing."""

    with serving(Hesitate) as address:
        yield address, got, taken


def test_webhooks_are_signed_over_the_raw_body_and_sent_until_they_are_taken(hesitant):
    address, got, taken = hesitant
    with running_sandbox(gateway_seconds_max=0.06, webhook_url=f"{address}/hook") as world:
        shop = razorpay.Client(auth=("rzp_test_sandbox", "sandbox-key-secret"), base_url=world.http_url)
        world.client.pay(shop.order.create({"amount": 500, "currency": "INR"})["id"])

        assert taken.wait(10)

    for _, body, signature in got:
        assert shop.utility.verify_webhook_signature(body, signature, "sandbox-webhook-secret")
