"""What a run measures, in which order, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.management import call_command
from django.db import connections

from benchmarks.availability import measure_calendar
from benchmarks.booking_requests import BookingRequests, create_clinic
from benchmarks.bookings import measure_endpoints
from benchmarks.database import scratch_database
from benchmarks.delivery import DeliveryBench
from benchmarks.figures import Figure
from benchmarks.peer import PeerBench, show_rates
from benchmarks.setup import progress, running_daybook
from benchmarks.slow_gateway import measure_slow_gateway
from runtime.processes import interrupt_on_signals
from sandbox.process import running_sandbox


@dataclass(frozen=True)
class Plan:
    """``rounds``: requests to each endpoint. Rates are in bookings per second, the other fields in seconds."""

    rounds: int
    seconds: float
    callback_seconds: float
    idle_seconds: float
    peer_rates: list[int]
    peer_large_pool_rates: list[int]
    peer_seconds: float
    peer_wait: float


LONG = Plan(60, 60, 20, 12, [10, 20, 50, 100], [100], 8, 15)
SHORT = Plan(10, 10, 5, 4, [100], [], 3, 1)


def measure(plan: Plan) -> list[Figure]:
    """Measure the peer and then Daybook, one at a time because they share the machine, on a scratch database."""
    interrupt_on_signals()
    with scratch_database() as url, running_sandbox() as sandbox:
        call_command("migrate", verbosity=0)
        call_command("seed_demo")
        create_clinic()
        connections.close_all()
        booking_requests = BookingRequests()
        peer = PeerBench(url, sandbox).measure(
            rates=plan.peer_rates,
            seconds=plan.peer_seconds,
            wait=plan.peer_wait,
            large_pool_rates=plan.peer_large_pool_rates,
        )
        with running_daybook(url, sandbox) as daybook:
            progress("Daybook: the endpoints, one request after another")
            figures = measure_endpoints(daybook, plan.rounds)
            progress("Daybook: checkouts and verifications while the gateway takes 5 s to respond")
            figures += measure_slow_gateway(daybook, booking_requests, plan.rounds)
            progress("Daybook: a month of availability")
            figures += measure_calendar(daybook, 5 * plan.rounds)  # a 99th percentile needs hundreds of requests
            figures += DeliveryBench(daybook, booking_requests, peer).measure(
                seconds=plan.seconds, callback_seconds=plan.callback_seconds, idle_seconds=plan.idle_seconds
            )
            progress("stopping")
    show_rates(peer.rates)
    return figures
