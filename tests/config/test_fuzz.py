"""What thousands of made-up requests find: no 5xx, and no answer that the schema does not describe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from knox.models import AuthToken
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from bookings.operations import create_booking
from config.wsgi import application
from foundation.events import Actor, ActorKind
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_paid_service, make_service, slot

# FUZZ_EXAMPLES=250 makes ten thousand requests of it, others each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

schema = schemathesis.openapi.from_wsgi("/schema/?format=json", application)

# A time that is valid in form may be over or taken, a person unknown, a number not dialled anywhere. And headers are
# replaced below, so who is let in is not for this test: the matrix of test_access.py is exact about it.
EXCLUDED = [positive_data_acceptance, ignored_auth]

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(0 if EXAMPLES else 120)]


class World:
    """What a request has to name for its handler to be reached."""

    def __init__(self) -> None:
        made = create_booking(
            service=make_service(), starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
        )
        make_paid_service()
        bearer = AuthToken.objects.create(make_staff("manager", group="Managers"))[1]
        self.path = {"booking_id": str(made.booking.pk), "slug": "consultation"}
        self.headers = {
            "anybody": {},
            "customer": {"X-Booking-Token": made.manage_token},
            "manager": {"Authorization": f"Bearer {bearer}"},
        }


@pytest.fixture
def world() -> Iterator[World]:
    # As Django's own test client does: the test's connection outlives its requests.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield World()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("who", ["anybody", "customer", "manager"])
@schema.parametrize()
@settings(
    max_examples=EXAMPLES or 5,
    deadline=None,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_nothing_that_is_sent_breaks_the_api(case: Any, world: World, who: str) -> None:
    if parts_mode(case, "header") != GenerationMode.NEGATIVE:
        case.headers.update(world.headers[who])
    if who != "anybody":
        case.path_parameters.update({name: world.path[name] for name in case.path_parameters if name in world.path})
        if isinstance(case.body, dict) and "service" in case.body:
            case.body["service"] = "physiotherapy" if "razorpay" in case.path else "consultation"

    case.validate_response(case.call(), excluded_checks=EXCLUDED)


def parts_mode(case: Any, part: str) -> GenerationMode | None:
    """Return whether a part of the request was made to be valid, or to be wrong."""
    return next((info.mode for location, info in case.meta.components.items() if location.value == part), None)
