"""Drain a lane for one time slice: claim due notifications, send them from threads, record the outcomes."""

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
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from foundation.advisory_locks import release_advisory_lock, try_advisory_lock
from foundation.database_errors import is_database_unavailable
from foundation.graceful_stop import is_stopping
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.heartbeat import LOCK_SPACE, record_heartbeat
from notifications.delivery.leases import drop_undeliverable, take_back_expired_leases
from notifications.delivery.lookups import LookupResult, claim_lookups, look_up, record_lookup
from notifications.delivery.rate_control import raise_limits
from notifications.delivery.receipts import apply_receipts
from notifications.delivery.record import record_hand_overs, record_outcomes
from notifications.delivery.send_attempt import Outcome, deliver
from notifications.providers.base import OutgoingMessage, PendingLookup

log = logging.getLogger(__name__)

SLICE_SECONDS = 15.0  # plus up to 13 s for the last attempts: well below django-q2's timeout of 60 s
POLL_SECONDS = 0.05
HEARTBEAT_SECONDS = 1.0
HAND_OVER_SECONDS = 10.0  # how long a sender waits for its hand-over to be recorded; then it stops without sending
MAX_LOOKUPS = 50  # in flight: lookups share the sender threads, and sending has priority
STACK_BYTES = 512 * 1024  # there are hundreds of sender threads, and each needs little

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class HandOverRequest:
    """A sender's request to hand over its text. ``permission`` is resolved once it is recorded or refused."""

    message: OutgoingMessage
    permission: Future[bool] = field(default_factory=Future)


class Drain:
    """Drains ``lane`` for one slice.

    ``start_next(lane)`` queues the next slice: the lane hand-off. It is called before the last outcomes are in, so that
    no message waits for the response to another one.

    Sender threads do not use the database. They put their results into queues, and the drain's own thread records them
    in batches, because one statement per message would be too slow.
    """

    def __init__(self, lane: int, *, start_next: Callable[[int], None], slice_seconds: float = SLICE_SECONDS) -> None:
        self.lane = lane
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._start_next = start_next
        self._slice_seconds = slice_seconds
        self._hand_overs: queue.SimpleQueue[HandOverRequest] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._lookups: queue.SimpleQueue[LookupResult] = queue.SimpleQueue()
        self._in_flight: Counter[str] = Counter()  # by channel
        self._lookups_in_flight = 0
        self._next_heartbeat = 0.0

    def run(self) -> None:
        """Drain for a slice; return immediately if the worker is stopping or another worker holds the lane."""
        if is_stopping() or not try_advisory_lock(LOCK_SPACE, self.lane):
            return
        threading.stack_size(STACK_BYTES)
        with ThreadPoolExecutor(settings.LANE_CONCURRENCY, thread_name_prefix=f"lane-{self.lane}") as senders:
            try:
                self._drain_slice(senders)
                with transaction.atomic():
                    self._start_next(self.lane)
            finally:
                release_advisory_lock(LOCK_SPACE, self.lane)
                # Even if the database has just failed: the outcomes exist only in this process.
                while self._in_flight.total() or self._lookups_in_flight:
                    self._record()

    def _drain_slice(self, senders: ThreadPoolExecutor) -> None:
        end = time.monotonic() + self._slice_seconds
        while time.monotonic() < end and not is_stopping():
            apply_receipts()
            if time.monotonic() >= self._next_heartbeat:
                self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
                record_heartbeat(lane=self.lane, worker=self.worker)
                self._maintain_queue()
                self._start_lookups(senders)
            self._start_sending(senders)
            self._record()

    def _maintain_queue(self) -> None:
        count = take_back_expired_leases()
        if count:
            log.warning("Took back %d expired leases: their worker stopped while sending", count)
        drop_undeliverable()
        raise_limits()

    def _start_lookups(self, senders: ThreadPoolExecutor) -> None:
        for lookup in claim_lookups(room=MAX_LOOKUPS - self._lookups_in_flight):
            self._lookups_in_flight += 1
            senders.submit(self._look_up, lookup)

    def _start_sending(self, senders: ThreadPoolExecutor) -> None:
        room = settings.LANE_CONCURRENCY - self._in_flight.total() - self._lookups_in_flight
        if room <= 0:
            return
        for message in claim_due_notifications(room=room, in_flight=self._in_flight, worker=self.worker):
            self._in_flight[message.channel] += 1
            senders.submit(self._send, message)

    # In the sender threads

    def _send(self, message: OutgoingMessage) -> None:
        self._outcomes.put(deliver(message, may_hand_over=lambda: self._may_hand_over(message)))

    def _may_hand_over(self, message: OutgoingMessage) -> bool:
        request = HandOverRequest(message)
        self._hand_overs.put(request)
        try:
            return request.permission.result(HAND_OVER_SECONDS)
        except TimeoutError:
            return False

    def _look_up(self, lookup: PendingLookup) -> None:
        self._lookups.put(look_up(lookup))

    # In the drain's own thread

    def _record(self) -> None:
        """Wait for POLL_SECONDS, then record what the senders have put into the queues."""
        time.sleep(POLL_SECONDS)
        self._permit_hand_overs(_take_all(self._hand_overs))
        self._record_outcomes(_take_all(self._outcomes))
        self._record_lookups(_take_all(self._lookups))

    def _permit_hand_overs(self, requests: list[HandOverRequest]) -> None:
        if not requests:
            return
        attempt_ids = [request.message.attempt_id for request in requests]
        permitted = retry_while_database_is_unavailable(lambda: record_hand_overs(attempt_ids))
        for request in requests:
            request.permission.set_result(request.message.attempt_id in permitted)

    def _record_outcomes(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        retry_while_database_is_unavailable(lambda: record_outcomes(outcomes))
        self._in_flight.subtract(outcome.message.channel for outcome in outcomes)

    def _record_lookups(self, results: list[LookupResult]) -> None:
        for result in results:
            retry_while_database_is_unavailable(partial(record_lookup, result))
            self._lookups_in_flight -= 1


def retry_while_database_is_unavailable(write: Callable[[], Result]) -> Result:
    """Retry ``write`` until the database is available: the outcomes exist only in this process."""
    while True:
        try:
            return write()
        except (DatabaseError, InterfaceError) as error:
            if not is_database_unavailable(error):
                raise
            log.warning("Keeping outcomes until the database is available: %s", type(error).__name__)
            connection.close()
            time.sleep(1)


def _take_all(items: queue.SimpleQueue[Item]) -> list[Item]:
    return [items.get_nowait() for _ in range(items.qsize())]
