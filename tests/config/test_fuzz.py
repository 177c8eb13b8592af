"""Generated requests never get a 5xx, nor a response that the schema does not describe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from accounts.operations import create_staff_token
from bookings.operations import create_booking
from config.wsgi import application
from foundation.events import Actor, ActorKind
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_paid_service, make_service, slot

# FUZZ_EXAMPLES=250 sends 10,000 requests, with a new random seed each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

schema = schemathesis.openapi.from_wsgi("/schema/?format=json", application)

# Input that the schema allows may still be refused: a past or taken slot, an unknown resource, an unassigned phone
# number. Headers are replaced below, so authentication is left to the access matrix in test_access.py.
EXCLUDED = [positive_data_acceptance, ignored_auth]

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.timeout(0 if EXAMPLES else 120)]


class World:
    """The path parameters and headers with which a request reaches its handler."""

    def __init__(self) -> None:
        new_booking = create_booking(
            service=make_service(), starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
        )
        make_paid_service()
        bearer = create_staff_token(user=make_staff("manager", group="Managers")).token
        self.path = {"booking_id": str(new_booking.booking.pk), "slug": "consultation"}
        self.headers = {
            "anonymous": {},
            "customer": {"X-Booking-Token": new_booking.manage_token},
            "manager": {"Authorization": f"Bearer {bearer}"},
        }


@pytest.fixture
def world() -> Iterator[World]:
    # Like Django's test client: the test's connection must outlive its requests.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield World()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("identity", ["anonymous", "customer", "manager"])
@schema.parametrize()
@settings(
    max_examples=EXAMPLES or 5,
    deadline=None,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_responses_to_generated_requests_match_the_schema(case: Any, world: World, identity: str) -> None:
    if generation_mode(case, "header") != GenerationMode.NEGATIVE:
        case.headers.update(world.headers[identity])
    if identity != "anonymous":
        if generation_mode(case, "path") != GenerationMode.NEGATIVE:
            case.path_parameters.update({name: world.path[name] for name in case.path_parameters})
        if isinstance(case.body, dict) and "service" in case.body:
            case.body["service"] = "physiotherapy" if "razorpay" in case.path else "consultation"

    case.validate_response(case.call(), excluded_checks=EXCLUDED)


def generation_mode(case: Any, part: str) -> GenerationMode | None:
    """Return whether this part of the request was generated as valid or as invalid."""
    return next((info.mode for location, info in case.meta.components.items() if location.value == part), None)
