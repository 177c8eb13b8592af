"""Journeys of bookings that are paid at the desk."""

from __future__ import annotations

from collections.abc import Iterator

from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
    reschedule_booking,
)
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_room,
    make_service,
    slot,
)
from tests.builders.clock import let_time_pass
from tests.invariants.journeys.base import DAY, journey, status_of, work


@journey
def requested(sandbox: RunningSandbox) -> Iterator[None]:
    make_booking()
    yield


@journey
def completed(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(reminder_minutes=[24 * 60, 120]), starts_at=slot(days=3))
    yield
    confirm_booking(booking_id=booking.pk, actor=DESK)
    yield
    let_time_pass(DAY * 3)
    work()
    complete_booking(booking_id=booking.pk, actor=DESK)
    yield


@journey
def created_by_staff(sandbox: RunningSandbox) -> Iterator[None]:
    make_booking(make_service(reminder_minutes=[120]), actor=DESK)
    yield


@journey
def confirmed_automatically(sandbox: RunningSandbox) -> Iterator[None]:
    make_booking(make_service(requires_confirmation=False, reminder_minutes=[120]))
    yield


@journey
def two_visits_with_a_room(sandbox: RunningSandbox) -> Iterator[None]:
    service = make_service()
    make_room(service)
    make_booking(service, actor=DESK)
    second = make_booking(service, starts_at=slot(hour=12), actor=DESK)
    yield
    let_time_pass(DAY)
    work()
    complete_booking(booking_id=second.pk, actor=DESK)
    make_booking(service, starts_at=slot(hour=11), actor=DESK)
    yield


@journey
def class_in_a_requested_room(sandbox: RunningSandbox) -> Iterator[None]:
    yoga = make_class()
    rooms = [make_room(yoga, f"Room {name}") for name in "AB"]
    moved = make_booking(yoga, resource=rooms[0])
    make_booking(yoga)
    yield
    reschedule_booking(booking_id=moved.pk, starts_at=slot(hour=15), resource=rooms[1], actor=CUSTOMER_ACTOR)
    yield


@journey
def declined(sandbox: RunningSandbox) -> Iterator[None]:
    decline_booking(booking_id=make_booking().pk, actor=DESK)
    yield


@journey
def unanswered(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking()
    let_time_pass(DAY)
    work()
    yield
    assert status_of(booking) == "expired"


@journey
def no_show_and_back(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(), actor=DESK)
    let_time_pass(DAY * 2)
    work()
    mark_no_show(booking_id=booking.pk, actor=DESK)
    yield
    complete_booking(booking_id=booking.pk, actor=DESK, may_correct=True)
    yield


@journey
def rescheduled(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(reminder_minutes=[120]), starts_at=slot(days=3))
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=4), actor=CUSTOMER_ACTOR)
    yield
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=5), actor=DESK)
    yield
    work()
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=6), actor=CUSTOMER_ACTOR)
    yield
    work()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    yield


@journey
def rescheduled_and_not_confirmed_again(sandbox: RunningSandbox) -> Iterator[None]:
    declined, unanswered = (
        confirm_booking(booking_id=make_booking(make_service(slug=slug)).pk, actor=DESK)
        for slug in ("declined", "unanswered")
    )
    for booking in (declined, unanswered):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(days=6), actor=CUSTOMER_ACTOR)
    yield
    decline_booking(booking_id=declined.pk, actor=DESK)
    let_time_pass(DAY)
    work()
    yield
    assert status_of(unanswered) == "expired"


@journey
def cancelled_by_the_customer(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    work()
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    yield


@journey
def cancelled_by_staff(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=make_booking().pk, actor=DESK)
    yield


@journey
def cancelled_and_booked_again(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=make_booking().pk, actor=CUSTOMER_ACTOR)
    make_booking()
    yield


@journey
def session(sandbox: RunningSandbox) -> Iterator[None]:
    yoga = make_class()
    missed, moved, completed_later = (make_booking(yoga, party_size=size) for size in (3, 2, 1))
    yield
    reschedule_booking(booking_id=moved.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)
    yield
    let_time_pass(DAY * 2)
    work()
    mark_no_show(booking_id=missed.pk, actor=DESK)
    complete_booking(booking_id=completed_later.pk, actor=DESK)
    yield
    make_booking(yoga, party_size=2)
    yield


@journey
def session_left_by_all(sandbox: RunningSandbox) -> Iterator[None]:
    yoga = make_class()
    for _ in range(2):
        for booking in [make_booking(yoga, party_size=2), make_booking(yoga, starts_at=slot())]:
            yield
            cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
        yield
