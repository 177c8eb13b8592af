"""Drain a lane for one time slice: claim due notifications and give them to the sender threads."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from django.conf import settings
from django.db import connection

from foundation.advisory_locks import release_advisory_lock, try_advisory_lock
from foundation.database_errors import is_database_unavailable
from foundation.graceful_stop import is_stopping
from foundation.hand_off import hand_off
from notifications.channels import CHANNELS
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.heartbeat import LOCK_SPACE, record_heartbeat
from notifications.delivery.leases import drop_undeliverable, take_back_expired_leases
from notifications.delivery.lookups import claim_lookups
from notifications.delivery.rate_control import raise_limits
from notifications.delivery.receipts import apply_receipts
from notifications.delivery.senders import SENDERS

log = logging.getLogger(__name__)

SLICE_SECONDS = 15.0  # well below django-q2's timeout of 60 s
POLL_SECONDS = 0.05
MAINTENANCE_SECONDS = 1.0
RETRY_SECONDS = 1.0
MAX_LOOKUPS = 50  # in flight per process


class Drain:
    """Drains ``lane`` for one slice.

    ``start_next(lane)`` queues the next slice: the lane hand-off. No slice waits for the responses to its messages, so
    no message waits for the response to another one.
    """

    def __init__(self, lane: int, *, start_next: Callable[[int], None], slice_seconds: float = SLICE_SECONDS) -> None:
        self.lane = lane
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._start_next = start_next
        self._slice_seconds = slice_seconds
        self._next_maintenance = 0.0

    def run(self) -> None:
        """Drain for a slice; return immediately if the worker is stopping or another worker holds the lane."""
        if is_stopping() or not try_advisory_lock(LOCK_SPACE, self.lane):
            return
        try:
            with ExitStack() as stack:
                for channel in CHANNELS.values():
                    stack.enter_context(channel.keeping_connections())
                self._drain_slice()
        finally:
            release_advisory_lock(LOCK_SPACE, self.lane)
            if not is_stopping():
                hand_off(partial(self._start_next, self.lane))

    def _drain_slice(self) -> None:
        end = time.monotonic() + self._slice_seconds
        session = connection.connection
        while time.monotonic() < end and not is_stopping():
            steps = [self._start_sending, apply_receipts]
            if time.monotonic() >= self._next_maintenance:
                self._next_maintenance = time.monotonic() + MAINTENANCE_SECONDS
                steps = [self._record_heartbeat, _take_back, drop_undeliverable, raise_limits, _start_lookups, *steps]
            failed = [step for step in steps if not _succeeds(step)]
            if failed:
                time.sleep(RETRY_SECONDS)
                if connection.connection is not session or not connection.is_usable():
                    return  # the advisory lock is lost with its session; the next slice takes it again
            time.sleep(POLL_SECONDS)

    def _record_heartbeat(self) -> None:
        record_heartbeat(lane=self.lane, worker=self.worker)

    def _start_sending(self) -> None:
        in_flight = SENDERS.in_flight()
        room = max(0, settings.LANE_CONCURRENCY - in_flight.total())
        for message in claim_due_notifications(room=room, in_flight=in_flight, worker=self.worker, lane=self.lane):
            SENDERS.send(message)


def _take_back() -> None:
    count = take_back_expired_leases()
    if count:
        log.warning("Took back %d expired leases: their worker stopped while sending", count)


def _start_lookups() -> None:
    for lookup in claim_lookups(room=MAX_LOOKUPS - SENDERS.lookups_in_flight):
        SENDERS.look_up(lookup)


def _succeeds(step: Callable[[], object]) -> bool:
    """Run the step; return whether it succeeded. An error in one step must not stop the others or the hand-off."""
    try:
        step()
    except Exception as error:
        if is_database_unavailable(error):
            log.warning("The database is unavailable or busy: %s", str(error).strip())
        else:
            log.exception("A step of the delivery loop failed")
        return False
    return True
