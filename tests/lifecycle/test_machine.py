"""Bookings and their money match the model after any sequence of steps.

``make machine`` runs 5,000 sequences, with the seeds from ``SEED``. Each test runs those of one seed.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lifecycle.machine import LifecycleMachine

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

SEQUENCES = int(os.environ.get("MACHINE_SEQUENCES", "200"))
FIRST_SEED = int(os.environ.get("MACHINE_SEED", "0"))
PER_TEST = 10
STEPS = 40


@pytest.mark.parametrize("seed_number", range(FIRST_SEED, FIRST_SEED + -(-SEQUENCES // PER_TEST)))
def test_bookings_and_balances_match_the_model(seed_number: int) -> None:
    run_state_machine_as_test(
        seed(seed_number)(type("Machine", (LifecycleMachine,), {})),
        settings=settings(
            max_examples=PER_TEST,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
