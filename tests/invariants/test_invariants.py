from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from foundation.invariants import registered_invariants
from sandbox.process import RunningSandbox
from tests.builders.clock import let_time_pass
from tests.invariants import violated_invariants
from tests.invariants.journeys import JOURNEYS, Journey, work
from tests.invariants.violations import VIOLATIONS, Violation

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_every_invariant_holds_throughout_the_journey_and_afterwards(journey: Journey, sandbox: RunningSandbox) -> None:
    for _ in journey(sandbox):
        assert violated_invariants() == set()

    for pause in (timedelta(0), timedelta(minutes=11), timedelta(days=4, minutes=11)):
        let_time_pass(pause)
        work()
        assert violated_invariants() == set(), f"after {pause}"


def test_every_registered_invariant_has_a_violation_and_no_other_has() -> None:
    registered = {sentence for invariants in registered_invariants().values() for sentence in invariants}

    assert {sentence for sentence, violations in VIOLATIONS.items() if violations} == registered


@pytest.mark.parametrize(
    ("sentence", "violation"),
    [(sentence, violation) for sentence, violations in VIOLATIONS.items() for violation in violations],
)
def test_one_changed_row_violates_the_invariant(sentence: str, violation: Violation, sandbox: RunningSandbox) -> None:
    for _ in violation.after(sandbox):
        pass
    assert violated_invariants() == set()

    with transaction.atomic(), connection.cursor() as cursor:
        if violation.unguarded:
            cursor.execute(violation.unguarded)
        cursor.execute(violation.statement)
        changed_rows = cursor.rowcount
        violated = violated_invariants()
        transaction.set_rollback(True)

    assert (changed_rows, violated) == (1, {sentence, *violation.also})
