from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
from bookings.models import Allocation, Booking, BookingEvent, Resource, ScheduleException, Service, Session
from bookings.operations import accept_payment, cancel_booking, expire_hold, reschedule_booking
from bookings.scheduling.availability import find_free_slots
from notifications.models import Notification
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_hold,
    make_room,
    make_service,
    slot,
    try_to_book,
)
from tests.invariants import violated_invariants

pytestmark = pytest.mark.django_db


def change_service(service, **fields):
    Service.objects.filter(pk=service.pk).update(**fields)
    service.refresh_from_db()


def free_slots(service, resource=None, **options):
    return find_free_slots(service, slot().date(), slot().date(), resource, **options)


def places_at_ten(service, resource=None, **options):
    """Return the places that are offered at the time of the session, by the free slot's end."""
    offers = [free for free in free_slots(service, resource, **options) if free.starts_at == slot()]
    return {free.ends_at: free.places for free in offers}


def make_class_with_rooms(*, teachers=1, **fields):
    """Create a class whose first session, with one place taken, is in the first of two rooms."""
    service = make_class(resources=teachers, **fields)
    rooms = [make_room(service, f"Room {name}") for name in "AB"]
    make_booking(service, resource=rooms[0])
    return service, *rooms


def has_changed(booking):
    """Return whether the booking has events or messages besides those of its creation."""
    causes = Notification.objects.filter(booking=booking).values("kind").distinct().count()
    return (BookingEvent.objects.filter(booking=booking).count(), causes) != (1, 1)


def close(resource):
    ScheduleException.objects.create(
        location=resource.locations.get(), resource=resource, starts_at=slot(hour=0), ends_at=slot(hour=23)
    )


def test_session_is_shared_until_its_capacity_is_reached():
    service = make_class()

    bookings = [make_booking(service, party_size=party_size) for party_size in (5, 4, 3)]

    session = Session.objects.get()
    assert (session.booked, {booking.session for booking in bookings}) == (12, {session})
    assert Allocation.objects.filter(is_active=True).count() == 1
    with pytest.raises(SlotTaken):
        make_booking(service)


def test_party_larger_than_the_capacity_is_rejected():
    with pytest.raises(PartyTooLarge, match="at most 12"):
        make_booking(make_class(), party_size=13)


def test_cancelled_place_can_be_booked_again():
    service = make_class(capacity=2)
    first, _ = make_booking(service), make_booking(service)

    cancel_booking(booking_id=first.pk, actor=CUSTOMER_ACTOR)

    assert try_to_book(service)
    assert not try_to_book(service)


def test_empty_session_releases_its_resource_and_can_restart():
    service = make_class()
    other = make_service(slug="consultation")
    other.resources.add(service.resources.get())
    booking = make_booking(service)
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)

    consultation = make_booking(other, resource=service.resources.get())

    assert not try_to_book(service)
    cancel_booking(booking_id=consultation.pk, actor=CUSTOMER_ACTOR)
    assert try_to_book(service)
    assert (Session.objects.get().booked, Allocation.objects.filter(is_active=True).count()) == (1, 1)


@pytest.mark.parametrize("capacity", [4, 24])
def test_empty_session_restarts_with_the_current_capacity_and_length(capacity):
    service = make_class(duration_minutes=60)
    cancel_booking(booking_id=make_booking(service, party_size=3).pk, actor=CUSTOMER_ACTOR)
    change_service(service, capacity=capacity, duration_minutes=90)

    booking = make_booking(service, party_size=4)

    session = Session.objects.get()
    assert (session.booked, session.ends_at) == (4, slot(hour=11, minute=30))
    assert places_at_ten(service) == ({session.ends_at: capacity - 4} if capacity > 4 else {})
    assert cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR).status == "cancelled"
    assert violated_invariants() == set()


def test_session_keeps_its_length_for_later_bookings():
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=90)

    assert make_booking(service).ends_at == slot(hour=11)
    assert violated_invariants() == set()


def test_session_blocks_its_resource_for_its_own_length():
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=90)
    make_booking(service)
    other = make_service(slug="talk")
    other.resources.set(service.resources.all())

    assert make_booking(other, starts_at=slot(hour=11)).status == "pending"
    with pytest.raises(SlotTaken):
        make_booking(other, starts_at=slot(hour=10, minute=45))
    assert violated_invariants() == set()


@pytest.mark.parametrize("duration", [30, 90, 9 * 60])
def test_session_is_offered_for_its_own_length(duration):
    """Also if a session of the new length would end after closing time."""
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=duration)

    assert places_at_ten(service) == {slot(hour=11): 11}
    assert make_booking(service).ends_at == slot(hour=11)


def test_full_session_whose_length_has_changed_is_taken_rather_than_outside_hours():
    service = make_class(duration_minutes=60, capacity=2)
    make_booking(service, party_size=2)
    change_service(service, duration_minutes=9 * 60)

    with pytest.raises(SlotTaken):
        make_booking(service)


def test_session_and_free_resource_with_different_lengths_are_two_offers():
    service = make_class(resources=2, duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=90)

    assert places_at_ten(service) == {slot(hour=11): 11, slot(hour=11, minute=30): 12}


def test_session_with_changed_buffers_keeps_its_own():
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, buffer_after_minutes=60)
    other = make_service(slug="talk")
    other.resources.set(service.resources.all())

    make_booking(service)

    assert make_booking(other, starts_at=slot(hour=11)).status == "pending"
    assert violated_invariants() == set()


def test_class_in_one_room_is_not_offered_for_another_room():
    service, room_a, room_b = make_class_with_rooms()

    offers = {room: places_at_ten(service, room) for room in (room_a, room_b, None)}

    places = {slot(minute=30): 11}
    assert offers == {room_a: places, room_b: {}, None: places}


def test_class_in_one_room_is_not_sold_for_another_room():
    service, room_a, room_b = make_class_with_rooms()

    with pytest.raises(SlotTaken) as refusal:
        make_booking(service, resource=room_b)

    assert slot() not in refusal.value.alternatives
    assert make_booking(service, resource=room_a).session == make_booking(service).session
    assert Session.objects.get().booked == 3


def test_class_in_another_room_starts_with_another_teacher():
    service, _, room_b = make_class_with_rooms(teachers=2)
    teacher = service.resources.filter(kind="staff").last()

    offers = [free for free in free_slots(service, room_b) if free.starts_at == slot()]
    booking = make_booking(service, resource=room_b)

    assert [(free.resources, free.places) for free in offers] == [([teacher.pk], 12)]
    assert (booking.resource, booking.occupies(room_b)) == (teacher, True)


def test_session_without_a_room_is_not_sold_for_a_room():
    """The class had no rooms when the session began; customers who request none still join it."""
    service = make_class()
    make_booking(service)
    room = make_room(service)

    assert (places_at_ten(service, room), places_at_ten(service)) == ({}, {slot(minute=30): 11})
    with pytest.raises(SlotTaken):
        make_booking(service, resource=room)
    assert make_booking(service).session == Session.objects.get()


def test_session_whose_room_is_closed_is_not_joined_although_another_room_is_open():
    service, room_a, _ = make_class_with_rooms()
    close(room_a)

    assert places_at_ten(service) == {}
    assert not try_to_book(service)


@pytest.mark.parametrize("change", ["inactive", "not offered"])
def test_session_in_a_room_that_is_not_in_use_any_longer_is_not_joined(change):
    service, room_a, _ = make_class_with_rooms()
    if change == "inactive":
        Resource.objects.filter(pk=room_a.pk).update(is_active=False)
    else:
        room_a.services.clear()

    assert places_at_ten(service) == {}
    assert not try_to_book(service)


def test_session_is_offered_after_its_service_got_a_new_main_kind():
    room_only = make_service(resources=0, slug="hall", capacity=12, requires_confirmation=False)
    make_room(room_only)
    make_booking(room_only)
    make_class().resources.get().services.add(room_only)

    assert places_at_ten(room_only) == {slot(minute=30): 11}
    assert make_booking(room_only).session == Session.objects.get()


def test_reschedule_to_the_room_of_the_own_session_changes_nothing():
    _, room_a, _ = make_class_with_rooms()
    booking = Booking.objects.get()

    for resource in (None, room_a, booking.resource):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(), resource=resource, actor=DESK)

    assert not has_changed(booking)
    assert reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), resource=room_a, actor=DESK).version == 2
    assert has_changed(booking)


def test_reschedule_to_another_room_than_that_of_the_class_is_refused_and_changes_nothing():
    service, _, room_b = make_class_with_rooms()
    booking = make_booking(service)

    with pytest.raises(SlotTaken):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(), resource=room_b, actor=DESK)

    assert not has_changed(booking)
    assert Session.objects.get().booked == 2


def test_reschedule_to_another_room_at_the_same_time_starts_a_session_there():
    service, room_a, room_b = make_class_with_rooms(teachers=2)
    booking = make_booking(service)

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(), resource=room_b, actor=DESK)

    assert (rescheduled.version, rescheduled.occupies(room_b), rescheduled.occupies(room_a)) == (2, True, False)
    assert sorted(Session.objects.values_list("booked", flat=True)) == [1, 1]
    assert violated_invariants() == set()


def test_only_attendee_takes_the_class_along_to_another_room():
    _, room_a, room_b = make_class_with_rooms()
    booking = Booking.objects.get()

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(), resource=room_b, actor=DESK)

    assert (rescheduled.occupies(room_a), rescheduled.occupies(room_b)) == (False, True)
    assert violated_invariants() == set()


@pytest.mark.parametrize(("capacity", "offered", "accepted"), [(4, 1, 1), (3, 0, 0), (2, 0, 0), (20, 17, 17)], ids=str)
def test_changed_capacity_reaches_existing_sessions(capacity, offered, accepted):
    service = make_class()
    make_booking(service, party_size=3)
    change_service(service, capacity=capacity)

    places = places_at_ten(service)
    booked = sum(try_to_book(service) for _ in range(18))

    assert places == ({slot(minute=30): offered} if offered else {})
    assert (booked, Session.objects.get().booked) == (accepted, 3 + accepted)
    assert Booking.objects.active().count() == 1 + accepted
    assert violated_invariants() == set()


def test_class_that_becomes_a_single_visit_keeps_its_attendees_and_offers_nothing():
    service = make_class()
    bookings = [make_booking(service) for _ in range(3)]
    change_service(service, capacity=1)

    assert places_at_ten(service) == {}
    assert not try_to_book(service)
    for booking in bookings:
        assert not try_to_book(service)
        cancel_booking(booking_id=booking.pk, actor=DESK)
    assert try_to_book(service)
    assert violated_invariants() == set()


def test_visit_of_a_service_that_becomes_a_class_is_not_shared():
    service = make_class(capacity=1)
    make_booking(service)
    change_service(service, capacity=12)

    assert places_at_ten(service) == {}
    assert not try_to_book(service)


def test_party_above_a_lowered_capacity_keeps_its_places_until_it_wants_another_time():
    service = make_class()
    booking = make_booking(service, party_size=5)
    change_service(service, capacity=4)

    with pytest.raises(PartyTooLarge):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=DESK)

    assert Session.objects.get().booked == 5
    assert reschedule_booking(booking_id=booking.pk, starts_at=slot(), actor=DESK).version == 1


def test_offered_places_suffice_for_the_party_if_a_smaller_hold_is_overdue():
    service = make_class(capacity=6)
    make_booking(service, party_size=3)
    overdue = make_booking(service)
    Booking.objects.filter(pk=overdue.pk).update(
        status="held", hold_expires_at=timezone.now() - timedelta(minutes=1), answer_by=None
    )

    assert places_at_ten(service, party_size=3) == {slot(minute=30): 3}
    assert places_at_ten(service, party_size=4) == {}


def expired_class_hold(service, **fields):
    hold = make_hold(service, **fields)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=timezone.now())
    assert expire_hold(booking_id=hold.pk, actor=DESK)
    return hold


def make_paid_class(**fields):
    return make_class(price_minor=50_000, payment_mode=Service.PaymentMode.FULL, **fields)


@pytest.mark.parametrize(("capacity", "is_accepted"), [(4, True), (3, False)])
def test_late_payment_is_accepted_within_the_current_capacity(capacity, is_accepted):
    service = make_paid_class()
    hold = expired_class_hold(service, party_size=2)
    make_booking(service, party_size=2, actor=DESK)
    change_service(service, capacity=capacity)

    assert accept_payment(booking_id=hold.pk, actor=DESK) is is_accepted
    assert Session.objects.get().booked == (4 if is_accepted else 2)


@pytest.mark.parametrize(("requested", "is_accepted"), [("A", False), ("B", True), (None, True)])
def test_late_payment_is_accepted_only_in_the_room_that_was_asked_for(requested, is_accepted):
    """The session of the hold is empty, and starts again in room B."""
    service = make_paid_class()
    rooms = {name: make_room(service, f"Room {name}") for name in "AB"}
    hold = expired_class_hold(service, resource=requested and rooms[requested])
    make_booking(service, resource=rooms["B"], actor=DESK)

    assert accept_payment(booking_id=hold.pk, actor=DESK) is is_accepted
    assert Session.objects.get().booked == (2 if is_accepted else 1)


def test_late_payment_is_not_accepted_in_a_room_that_is_not_offered_any_longer():
    service = make_paid_class()
    room = make_room(service)
    hold = expired_class_hold(service)
    room.services.clear()

    assert not accept_payment(booking_id=hold.pk, actor=DESK)


def test_session_in_a_closed_room_is_not_bookable():
    service = make_class(duration_minutes=60)
    room = make_room(service)
    make_booking(service)
    ScheduleException.objects.create(
        location=service.location, resource=room, starts_at=slot(hour=0), ends_at=slot(hour=23)
    )

    assert free_slots(service) == []
    with pytest.raises(OutsideHours):
        make_booking(service)
