"""The draining of one lane, for a slice of time: claim what is due, send it from threads, record what became of it."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from foundation.advisory_locks import release_advisory_lock, try_advisory_lock
from foundation.database_errors import is_database_unavailable
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.heartbeat import LOCK_SPACE, record_heartbeat
from notifications.delivery.leases import drop_undeliverable, take_back_expired_leases
from notifications.delivery.lookups import LookupResult, PendingLookup, claim_lookups, look_up, record_lookup
from notifications.delivery.rate_control import raise_limits
from notifications.delivery.receipts import apply_receipts
from notifications.delivery.record import record_hand_overs, record_outcomes
from notifications.delivery.send_attempt import Outcome, deliver
from notifications.providers.base import OutgoingMessage

log = logging.getLogger(__name__)

SLICE_SECONDS = 15.0  # well under django-q2's timeout of 60 s, with the last tries' 13 s on top
POLL_SECONDS = 0.05
BEAT_SECONDS = 1.0
HANDOVER_SECONDS = 10.0  # how long a sender waits for its hand-over to be written, before it gives up unsent
LOOKUPS = 50  # at once: they share the senders' threads, and sending comes first
STACK_BYTES = 512 * 1024  # hundreds of sender threads, each of which needs little

Result = TypeVar("Result")


@dataclass(frozen=True)
class Handover:
    """A sender's question whether it may hand its text over; answered once that is written down."""

    message: OutgoingMessage
    answer: Future[bool] = field(default_factory=Future)


class Drain:
    """Drains ``lane`` for one slice. ``hand_over(lane)`` queues the next slice, and is called before the last results
    are in, so that no message waits for another's provider."""

    def __init__(self, lane: int, *, hand_over: Callable[[int], None], slice_seconds: float = SLICE_SECONDS) -> None:
        self.lane = lane
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._hand_over = hand_over
        self._slice_seconds = slice_seconds
        self._results: queue.SimpleQueue[Outcome | Handover | LookupResult] = queue.SimpleQueue()
        self._in_flight: Counter[str] = Counter()  # by channel; look-ups under their own name
        self._next_beat = 0.0

    def run(self) -> None:
        """Drain for a slice; return at once if the worker is stopping, or another worker has the lane."""
        if _is_stopping() or not try_advisory_lock(LOCK_SPACE, self.lane):
            return
        threading.stack_size(STACK_BYTES)
        with ThreadPoolExecutor(settings.DRAIN_CONCURRENCY, thread_name_prefix=f"drain-{self.lane}") as senders:
            try:
                self._drain_slice(senders)
                with transaction.atomic():
                    self._hand_over(self.lane)
            finally:
                release_advisory_lock(LOCK_SPACE, self.lane)
                # Also when the database has just failed: what the providers answered is not lost with it.
                while self._in_flight.total():
                    self._flush()

    def _drain_slice(self, senders: ThreadPoolExecutor) -> None:
        end = time.monotonic() + self._slice_seconds
        while time.monotonic() < end and not _is_stopping():
            apply_receipts()
            if time.monotonic() >= self._next_beat:
                self._next_beat = time.monotonic() + BEAT_SECONDS
                self._keep_house(senders)
            self._claim(senders)
            self._flush()

    def _keep_house(self, senders: ThreadPoolExecutor) -> None:
        record_heartbeat(lane=self.lane, worker=self.worker)
        reaped = take_back_expired_leases()
        if reaped:
            log.warning("%d messages were being sent when their worker stopped", reaped)
        drop_undeliverable()
        raise_limits()
        for doubt in claim_lookups(room=LOOKUPS - self._in_flight["lookup"]):
            self._in_flight["lookup"] += 1
            senders.submit(self._look_up, doubt)

    def _claim(self, senders: ThreadPoolExecutor) -> None:
        room = settings.DRAIN_CONCURRENCY - self._in_flight.total()
        if room <= 0:
            return
        for message in claim_due_notifications(room=room, in_flight=self._in_flight, worker=self.worker):
            self._in_flight[message.channel] += 1
            senders.submit(self._send, message)

    # --- in the senders' threads, without the database ---

    def _send(self, message: OutgoingMessage) -> None:
        self._results.put(deliver(message, may_hand_over=lambda: self._may_hand_over(message)))

    def _may_hand_over(self, message: OutgoingMessage) -> bool:
        handover = Handover(message)
        self._results.put(handover)
        try:
            return handover.answer.result(HANDOVER_SECONDS)
        except NoAnswer:
            return False

    def _look_up(self, doubt: PendingLookup) -> None:
        self._results.put(look_up(doubt))

    # --- in the drain's own thread again ---

    def _flush(self) -> None:
        """Wait for POLL_SECONDS, then record all that the senders have put down: one by one it would cost the database
        as many statements as there are messages."""
        time.sleep(POLL_SECONDS)
        results = [self._results.get_nowait() for _ in range(self._results.qsize())]
        handovers = [result for result in results if isinstance(result, Handover)]
        outcomes = [result for result in results if isinstance(result, Outcome)]
        if handovers:
            allowed = for_certain(lambda: record_hand_overs([each.message.attempt_id for each in handovers]))
            for handover in handovers:
                handover.answer.set_result(handover.message.attempt_id in allowed)
        if outcomes:
            for_certain(lambda: record_outcomes(outcomes))
            self._in_flight.subtract(outcome.message.channel for outcome in outcomes)
        for finding in results:
            if isinstance(finding, LookupResult):
                for_certain(lambda found=finding: record_lookup(found))  # type: ignore[misc]
                self._in_flight["lookup"] -= 1


def for_certain(write: Callable[[], Result]) -> Result:
    """Write, and wait for the database as long as it takes: what a provider answered exists only in our memory."""
    while True:
        try:
            return write()
        except (DatabaseError, InterfaceError) as error:
            if not is_database_unavailable(error):
                raise
            log.warning("Keeping results until the database is back: %s", type(error).__name__)
            connection.close()
            time.sleep(1)


def _is_stopping() -> bool:
    return bool(settings.STOP_FILE) and Path(settings.STOP_FILE).exists()
