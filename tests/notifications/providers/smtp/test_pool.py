import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from notifications.providers.base import ProviderOutcomeUnknown, ProviderRejected, ProviderUnavailable
from notifications.providers.smtp import configuration, pool
from notifications.providers.smtp import send as send_module
from notifications.providers.smtp.pool import connections
from tests.notifications.providers.smtp.scripted_server import Fault

CLOSINGS = ["421 4.7.0 Too many messages in this session", Fault.CLOSE, Fault.RESET]


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_messages_share_a_connection(serve, send):
    server = serve()

    for _ in range(5):
        send()

    assert (server.connections, len(server.mails)) == (1, 5)
    assert [command[:4] for command in server.commands] == ["ehlo", *["MAIL", "RCPT", "DATA"] * 5]


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("step", ["idle", "MAIL", "RCPT", "DATA"])
def test_connection_closed_after_n_messages_is_replaced_without_an_outcome(serve, send, step, closing):
    usual = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 Go on"}
    server = serve({step: closing if step == "idle" else [usual[step], closing]})

    for _ in range(4):
        send()

    assert (server.connections, len(server.mails)) == (4, 4)


def test_connection_is_replaced_only_once(serve, send):
    server = serve({"MAIL": ["250 OK", "421 4.3.2 Closing"]}, {"banner": "421 4.3.2 Closing"})
    send()

    with pytest.raises(ProviderUnavailable):
        send()

    assert (server.connections, len(server.mails)) == (2, 1)


@pytest.mark.parametrize("closing", [Fault.CLOSE, Fault.RESET])
def test_missing_response_after_the_text_on_an_idle_connection_is_unknown(serve, send, closing):
    server = serve({"end of data": ["250 OK", closing]})
    send()

    with pytest.raises(ProviderOutcomeUnknown):
        send()

    assert server.connections == 1


def test_connection_without_a_reply_is_not_replaced(serve, send, settings):
    settings.EMAIL_TIMEOUT = 0.5
    server = serve({"MAIL": ["250 OK", Fault.HANG]})
    send()

    with pytest.raises(ProviderUnavailable):
        send()

    assert server.connections == 1


def test_connection_is_closed_after_a_refusal(serve, send):
    server = serve({"RCPT": ["250 OK", "550 5.1.1 Unknown user", "250 OK"]})
    send()
    with pytest.raises(ProviderRejected):
        send()
    send()

    assert (server.connections, len(server.mails), server.commands.count("quit")) == (2, 2, 1)


def test_connection_to_another_server_is_not_reused(serve, send):
    first = serve()
    send()
    second = serve()
    send()

    assert (len(first.mails), len(second.mails)) == (1, 1)


def test_idle_connections_are_closed(serve, send, monkeypatch):
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.2)
    server = serve()
    send()

    wait_until(lambda: "quit" in server.commands)
    send()

    assert (server.connections, len(server.mails)) == (2, 2)


def test_connection_that_nothing_would_close_later_is_closed_and_its_message_is_accepted(serve, send, monkeypatch):
    start = threading.Thread.start

    def start_unless_closer(thread):
        if thread.name == "smtp-closer":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(send_module, "connections", pool.ConnectionPool())
    monkeypatch.setattr(threading.Thread, "start", start_unless_closer)
    server = serve()

    send()

    assert len(server.mails) == 1
    wait_until(lambda: "quit" in server.commands)


def test_concurrent_messages_have_a_connection_each(serve, send):
    all_connected = threading.Barrier(8, timeout=10)
    server = serve()

    def wait_for_the_others():
        all_connected.wait()
        return True

    with ThreadPoolExecutor(8) as threads:
        for result in [threads.submit(send, may_hand_over=wait_for_the_others) for _ in range(8)]:
            result.result()
        for result in [threads.submit(send) for _ in range(100)]:
            result.result()

    assert (server.connections, len(server.mails)) == (8, 108)


def test_connections_are_kept_only_while_this_process_drains_a_lane(serve, send):
    server = serve()
    with connections.keeping():
        send()
        send()

    wait_until(lambda: server.commands.count("quit") == 1)
    send()

    assert (server.connections, server.commands.count("quit"), len(server.mails)) == (2, 2, 3)


def test_configuration_of_threads_that_start_together_is_equal(settings):
    settings.EMAIL_CA_FILE = ""
    configuration._create_tls_context.cache_clear()
    all_started = threading.Barrier(20, timeout=10)

    def read_configuration():
        all_started.wait()
        return configuration.current_configuration()

    with ThreadPoolExecutor(20) as threads:
        results = [threads.submit(read_configuration) for _ in range(20)]

    assert all(result.result() == configuration.current_configuration() for result in results)
