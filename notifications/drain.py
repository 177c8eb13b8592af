"""The draining of one slot, for a slice of time: claim what is due, send it from threads, record what became of it."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from notifications.claims import beat, claim_due, reap_lapsed_leases, record, try_lock, unlock
from notifications.delivery import Outcome, deliver
from notifications.providers.base import Outgoing
from notifications.receipts import apply_receipts

log = logging.getLogger(__name__)

SLICE_SECONDS = 15.0  # well under django-q2's timeout of 60 s, with the last tries' 13 s on top
POLL_SECONDS = 0.05
BEAT_SECONDS = 1.0
STACK_BYTES = 512 * 1024  # hundreds of sender threads, each of which needs little


class Drain:
    """Drains ``slot`` for one slice. ``hand_over(slot)`` queues the next slice, and is called before the last results
    are in, so that no message waits for another's provider."""

    def __init__(self, slot: int, *, hand_over: Callable[[int], None], slice_seconds: float = SLICE_SECONDS) -> None:
        self.slot = slot
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._hand_over = hand_over
        self._slice_seconds = slice_seconds
        self._results: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._in_flight = 0
        self._next_beat = 0.0

    def run(self) -> None:
        """Drain for a slice; return at once if another worker has the slot."""
        if not try_lock(self.slot):
            return
        threading.stack_size(STACK_BYTES)
        with ThreadPoolExecutor(settings.DRAIN_CONCURRENCY, thread_name_prefix=f"drain-{self.slot}") as senders:
            try:
                self._drain_slice(senders)
                with transaction.atomic():
                    self._hand_over(self.slot)
            finally:
                self._give_back()
                # Also when the database has just failed: what the providers answered is not lost with it.
                while self._in_flight:
                    self._flush(wait=POLL_SECONDS)

    def _drain_slice(self, senders: ThreadPoolExecutor) -> None:
        end = time.monotonic() + self._slice_seconds
        while time.monotonic() < end:
            self._keep_house()
            room = settings.DRAIN_CONCURRENCY - self._in_flight
            claimed = claim_due(room=room, worker=self.worker) if room else []
            for message in claimed:
                self._in_flight += 1
                senders.submit(self._send, message)
            self._flush(wait=POLL_SECONDS)

    def _send(self, message: Outgoing) -> None:
        self._results.put(deliver(message))

    def _keep_house(self) -> None:
        apply_receipts()
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            beat(slot=self.slot, worker=self.worker)
            reaped = reap_lapsed_leases()
            if reaped:
                log.warning("%d messages were being sent when their worker stopped: they are unknown now", reaped)

    def _flush(self, *, wait: float) -> None:
        """Record the results that have come, after waiting up to ``wait`` seconds for the first."""
        outcomes = []
        try:
            outcomes.append(self._results.get(timeout=wait))
            while True:
                outcomes.append(self._results.get_nowait())
        except queue.Empty:
            pass
        if outcomes:
            self._record_for_certain(outcomes)
            self._in_flight -= len(outcomes)

    def _record_for_certain(self, outcomes: list[Outcome]) -> None:
        # What a provider answered exists only in our memory until it is written: wait for the database, never drop it.
        while True:
            try:
                record(outcomes)
            except (DatabaseError, InterfaceError) as error:
                log.warning("Keeping %d results until the database is back: %s", len(outcomes), type(error).__name__)
                connection.close()
                time.sleep(1)
            else:
                return

    def _give_back(self) -> None:
        try:
            unlock(self.slot)
        except (DatabaseError, InterfaceError):
            connection.close()  # the lock belongs to the session, and goes with it
