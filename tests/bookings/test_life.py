"""The life of a booking after it was made: declined, unanswered, moved, cancelled, missed."""

import threading
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bookings.exceptions import (
    InvalidTransition,
    OutsideHours,
    PartyTooLarge,
    SlotTaken,
    TooLateToChange,
    TooManyUpcomingBookings,
    VisitNotStarted,
)
from bookings.models import (
    Allocation,
    Booking,
    BookingEvent,
    Location,
    Resource,
    ScheduleException,
    Service,
    Session,
)
from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    expire_unanswered_requests,
    hold_booking,
    mark_no_show,
    reschedule_booking,
)
from foundation.events import Actor, ActorKind
from notifications.models import Notification
from tests.factories import CUSTOMER, DESK, make_booking, make_paid_service, make_service, next_clock_changes, slot
from tests.threads import wait_until

pytestmark = pytest.mark.django_db

HERSELF = Actor(ActorKind.CUSTOMER)


def kinds(booking):
    return [kind for kind, _ in sorted(Counter(told(booking)).items())]


def told(booking):
    return Notification.objects.filter(booking=booking).values_list("kind", flat=True)


def is_free(service, **fields):
    try:
        make_booking(service, **fields)
    except SlotTaken:
        return False
    return True


def begin(booking):
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() - timedelta(minutes=1))


def near(booking, minutes=60):
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() + timedelta(minutes=minutes))


def test_a_declined_request_frees_its_time_and_tells_its_customer():
    booking = make_booking()

    decline_booking(booking_id=booking.pk, actor=DESK)
    again = decline_booking(booking_id=booking.pk, actor=DESK)

    assert (again.status, again.version) == ("declined", 2)
    assert list(told(booking)).count("booking_declined") == 3
    assert is_free(booking.service)


def test_what_staff_have_confirmed_is_not_declined_any_more():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    with pytest.raises(InvalidTransition):
        decline_booking(booking_id=booking.pk, actor=DESK)


def test_a_request_that_nobody_answers_in_time_expires_and_its_customer_hears_of_it():
    booking = make_booking()
    asked_for = booking.answer_by - booking.created_at
    Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now())

    counts = [expire_unanswered_requests(), expire_unanswered_requests()]

    booking.refresh_from_db()
    assert asked_for <= timedelta(days=1)
    assert (counts, booking.status, booking.answer_by) == ([1, 0], "expired", None)
    assert list(told(booking)).count("booking_unanswered") == 3
    assert is_free(booking.service)


def test_a_request_whose_time_is_over_stands_in_nobodys_way_before_it_is_swept():
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now())

    assert is_free(booking.service)
    booking.refresh_from_db()
    assert booking.status == "expired"


def test_an_answered_request_expires_no_more():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert expire_unanswered_requests() == 0
    assert Booking.objects.get().answer_by is None


def test_a_customer_cancels_in_time_and_the_slot_is_free():
    booking = make_booking()

    cancelled = cancel_booking(booking_id=booking.pk, actor=HERSELF)

    assert (cancelled.status, cancelled.is_late_cancellation) == ("cancelled", False)
    assert is_free(booking.service)


def test_after_the_cut_off_only_staff_cancel_and_it_counts_as_late():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    near(booking)

    with pytest.raises(TooLateToChange):
        cancel_booking(booking_id=booking.pk, actor=HERSELF)
    cancelled = cancel_booking(booking_id=booking.pk, actor=DESK)

    assert (cancelled.status, cancelled.is_late_cancellation) == ("cancelled", True)


def test_the_cut_off_of_a_booking_is_the_one_it_was_made_under():
    service = make_service(cancel_cutoff_minutes=30, reschedule_cutoff_minutes=30)
    booking = make_booking(service)
    near(booking, 60)
    service.cancel_cutoff_minutes = service.reschedule_cutoff_minutes = 600
    service.save()

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=HERSELF)
    near(booking, 60)

    assert cancel_booking(booking_id=booking.pk, actor=HERSELF).status == "cancelled"


def test_a_moved_booking_is_the_same_row_at_another_time():
    booking = make_booking(starts_at=slot(hour=10))

    moved = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=HERSELF)

    assert (moved.pk, moved.reference, moved.status, moved.version) == (booking.pk, booking.reference, "pending", 2)
    assert (moved.starts_at, moved.ends_at) == (slot(hour=15), slot(hour=15, minute=30))
    assert is_free(booking.service, starts_at=slot(hour=10))
    assert not is_free(booking.service, starts_at=slot(hour=15))
    assert BookingEvent.objects.filter(booking=booking, kind="rescheduled", seq=2).exists()
    assert kinds(booking) == ["booking_requested", "booking_rescheduled"]


def test_a_move_stays_with_whom_it_is_and_goes_to_another_only_if_they_are_taken():
    service = make_service(resources=2)
    doctor = service.resources.last()
    booking = make_booking(service, resource=doctor)
    make_booking(service, resource=doctor, starts_at=slot(hour=16))

    moves = [
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=hour), actor=HERSELF).resource == doctor
        for hour in (15, 16)
    ]

    assert moves == [True, False]


def test_a_request_that_moves_is_given_another_time_to_be_answered_in():
    booking = make_booking(make_service(answer_minutes=60))
    Booking.objects.update(answer_by=timezone.now() + timedelta(minutes=5))

    moved = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=7), actor=HERSELF)

    assert timedelta(minutes=59) < moved.answer_by - timezone.now() <= timedelta(minutes=60)


def test_a_request_that_staff_move_to_a_time_that_has_begun_can_be_answered_until_it_ends():
    service = make_service(duration_minutes=60)
    ScheduleException.objects.create(
        location=service.location,
        is_open=True,
        starts_at=timezone.now() - timedelta(days=1),
        ends_at=timezone.now() + timedelta(days=1),
    )
    booking = make_booking(service)

    moved = reschedule_booking(booking_id=booking.pk, starts_at=timezone.now() - timedelta(minutes=5), actor=DESK)
    expire_unanswered_requests()

    assert moved.answer_by == moved.ends_at
    assert Booking.objects.get().status == "pending"


def test_a_request_counts_against_its_customer_no_longer_than_it_takes_the_slot():
    service = make_service(max_open_per_customer=1)
    make_booking(service)
    Booking.objects.update(answer_by=timezone.now())

    assert make_booking(service, starts_at=slot(hour=15)).status == "pending"


def test_whoever_cancels_what_was_never_paid_for_is_not_written_to():
    booking = hold_booking(service=make_paid_service(), starts_at=slot(), customer=CUSTOMER, actor=HERSELF).booking

    cancel_booking(booking_id=booking.pk, actor=HERSELF)

    assert not told(booking).exists()


@pytest.mark.django_db(transaction=True)
def test_the_sweep_holds_no_class_while_it_waits_for_another():
    """It gives up requests for two classes; somebody who moves from the second to the first must not wait for it."""
    service = make_service(capacity=12)
    first, second = make_booking(service, starts_at=slot(hour=10)), make_booking(service, starts_at=slot(hour=12))
    for minutes, booking in ((2, first), (1, second)):
        Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now() - timedelta(minutes=minutes))

    with transaction.atomic():
        Session.objects.select_for_update(no_key=True).get(pk=second.session_id)
        sweep = threading.Thread(target=lambda: (expire_unanswered_requests(), connection.close()))
        sweep.start()
        wait_until(lambda: Booking.objects.get(pk=first.pk).status == "expired")
        Session.objects.select_for_update(no_key=True, nowait=True).get(pk=first.session_id)
    sweep.join()

    assert Booking.objects.get(pk=second.pk).status == "expired"


def test_a_booking_may_move_onto_part_of_its_own_time():
    booking = make_booking(starts_at=slot(hour=10))

    moved = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=10, minute=15), actor=HERSELF)

    assert moved.starts_at == slot(hour=10, minute=15)


def test_moving_to_where_it_is_changes_nothing():
    booking = make_booking()

    moved = reschedule_booking(booking_id=booking.pk, starts_at=booking.starts_at, actor=HERSELF)

    assert moved.version == 1


def test_a_move_onto_a_taken_time_leaves_all_as_it_was_and_says_what_is_free():
    service = make_service()
    make_booking(service, starts_at=slot(hour=15))
    booking = make_booking(service, starts_at=slot(hour=10))

    with pytest.raises(SlotTaken) as refusal:
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=HERSELF)

    booking.refresh_from_db()
    assert (booking.starts_at, booking.version) == (slot(hour=10), 1)
    assert refusal.value.alternatives == [slot(hour=14, minute=15), slot(hour=14, minute=30), slot(hour=15, minute=30)]
    assert not is_free(service, starts_at=slot(hour=10))


@pytest.mark.parametrize("status", ["completed", "no_show", "cancelled", "declined", "expired"])
def test_what_is_over_is_not_moved(status):
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(status=status, answer_by=None)

    with pytest.raises(InvalidTransition, match="rescheduled"):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=DESK)


def test_whoever_did_not_come_is_noted_once_the_visit_has_begun():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    with pytest.raises(VisitNotStarted):
        mark_no_show(booking_id=booking.pk, actor=DESK)
    begin(booking)
    missed = mark_no_show(booking_id=booking.pk, actor=DESK)

    assert missed.status == "no_show"
    assert list(told(booking)).count("booking_missed") == 3


def test_only_whoever_may_correct_changes_whether_somebody_came_and_nobody_is_told():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    begin(booking)
    mark_no_show(booking_id=booking.pk, actor=DESK)

    with pytest.raises(InvalidTransition):
        complete_booking(booking_id=booking.pk, actor=DESK)
    corrected = complete_booking(booking_id=booking.pk, actor=DESK, may_correct=True)
    back = mark_no_show(booking_id=booking.pk, actor=DESK, may_correct=True)

    assert (corrected.status, back.status) == ("completed", "no_show")
    assert kinds(booking) == ["booking_confirmed", "booking_missed", "booking_requested"]


# --- who and where ---


def add_room(service, name="Room 1"):
    room = Resource.objects.create(location=service.location, name=name, kind="room")
    room.services.add(service)
    return room


def test_a_service_that_lists_a_room_takes_a_doctor_and_a_room():
    service = make_service(resources=2)
    room = add_room(service)

    booking = make_booking(service)

    taken = set(Allocation.objects.filter(booking=booking).values_list("resource__name", flat=True))
    assert (booking.resource.kind, taken) == ("staff", {booking.resource.name, room.name})
    assert not is_free(service)  # the second doctor is free, but has no room


def test_a_doctor_who_is_asked_for_gets_a_room_too_and_gives_both_back():
    service = make_service(resources=2)
    add_room(service)
    wanted = service.resources.filter(kind="staff").last()
    booking = make_booking(service, resource=wanted)

    cancel_booking(booking_id=booking.pk, actor=HERSELF)

    assert booking.resource == wanted
    assert Allocation.objects.filter(is_active=True).count() == 0
    assert is_free(service)


def test_moving_to_the_room_where_it_is_changes_nothing():
    service = make_service()
    room = add_room(service)
    booking = make_booking(service)

    moved = reschedule_booking(booking_id=booking.pk, starts_at=booking.starts_at, resource=room, actor=HERSELF)

    assert moved.version == 1


@pytest.mark.parametrize("change", [0, 1])
def test_moving_to_where_it_is_in_an_hour_that_clocks_show_twice_or_never_changes_nothing(change):
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(next_clock_changes(zone)[change], time(2, 30), zone).replace(fold=1)
    service = make_service()
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=1), is_open=True
    )
    booking = make_booking(Service.objects.get(), starts_at=at, actor=DESK)

    assert reschedule_booking(booking_id=booking.pk, starts_at=at, actor=DESK).version == 1


def test_somebody_who_does_not_offer_the_service_cannot_be_asked_for():
    service, other = make_service(), make_service(slug="massage")

    with pytest.raises(OutsideHours):
        make_booking(service, resource=other.resources.get())


def test_a_holiday_closes_for_everybody_and_one_person_may_work_all_the_same():
    service = make_service(resources=2)
    keen = service.resources.last()
    day = slot(hour=0)
    ScheduleException.objects.create(
        location=service.location, starts_at=day, ends_at=day + timedelta(days=1), reason="Diwali"
    )

    with pytest.raises(OutsideHours):
        make_booking(service)
    ScheduleException.objects.create(
        location=service.location, resource=keen, starts_at=slot(hour=20), ends_at=slot(hour=22), is_open=True
    )

    assert make_booking(service, starts_at=slot(hour=20)).resource == keen


def test_a_lunch_break_is_two_intervals():
    service = make_service()
    hours = service.resources.get().working_hours
    hours.update(closes_at="12:00")
    for weekday in range(7):
        hours.create(weekday=weekday, opens_at="13:00", closes_at="18:00")

    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=11, minute=45))
    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=12, minute=30))
    assert make_booking(service, starts_at=slot(hour=13)).status == "pending"


def test_customers_start_on_the_grid_and_the_desk_at_any_minute():
    service = make_service(slot_interval_minutes=30)

    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=10, minute=10))
    assert make_booking(service, starts_at=slot(hour=10, minute=10), actor=DESK).status == "confirmed"


def test_the_desk_takes_a_walk_in_whom_notice_would_keep_out():
    service = make_service(min_notice_minutes=7 * 24 * 60)

    with pytest.raises(OutsideHours):
        make_booking(service)
    assert make_booking(service, actor=DESK).pk


def test_the_desk_books_what_customers_pay_online_and_takes_the_money_itself():
    booking = make_booking(make_paid_service(requires_confirmation=True), actor=DESK)

    assert (booking.status, booking.due_online_minor, booking.price_minor) == ("confirmed", 0, 50_000)
    assert kinds(booking) == ["booking_confirmed"]


# --- classes ---


def make_class(**fields):
    return make_service(slug="yoga", requires_confirmation=False, **{"capacity": 12, **fields})


def test_a_class_has_as_many_places_as_it_has():
    service = make_class()

    bookings = [make_booking(service, party_size=people) for people in (5, 4, 3)]

    session = Session.objects.get()
    assert (session.booked, {booking.session for booking in bookings}) == (12, {session})
    assert Allocation.objects.filter(is_active=True).count() == 1
    with pytest.raises(SlotTaken):
        make_booking(service)


def test_a_party_larger_than_the_class_is_told_so():
    with pytest.raises(PartyTooLarge, match="at most 12"):
        make_booking(make_class(), party_size=13)


def test_a_place_that_is_given_back_can_be_booked_again():
    service = make_class(capacity=2)
    first, _ = make_booking(service), make_booking(service)

    cancel_booking(booking_id=first.pk, actor=HERSELF)

    assert is_free(service)
    assert not is_free(service)


def test_a_class_that_all_have_left_frees_its_teacher_and_can_begin_anew():
    service = make_class()
    other = make_service(slug="consultation")
    other.resources.add(service.resources.get())
    booking = make_booking(service)
    cancel_booking(booking_id=booking.pk, actor=HERSELF)

    taught = make_booking(other, resource=service.resources.get())

    assert not is_free(service)
    cancel_booking(booking_id=taught.pk, actor=HERSELF)
    assert is_free(service)
    assert (Session.objects.get().booked, Allocation.objects.filter(is_active=True).count()) == (1, 1)


def test_a_move_between_classes_takes_the_places_along():
    service = make_class(capacity=4)
    booking = make_booking(service, party_size=3, starts_at=slot(hour=10))

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=HERSELF)

    booked = dict(Session.objects.values_list("starts_at", "booked"))
    assert booked == {slot(hour=10).astimezone(UTC): 0, slot(hour=15).astimezone(UTC): 3}


def test_the_price_of_a_party_is_that_of_its_people():
    assert make_booking(make_class(price_minor=30_000), party_size=3).price_minor == 90_000


def test_a_lapsed_hold_gives_its_places_to_the_next():
    group = make_paid_service(slug="retreat", capacity=2)
    held = hold_booking(service=group, starts_at=slot(), customer=CUSTOMER, actor=HERSELF, party_size=2).booking
    Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())

    hold_booking(service=group, starts_at=slot(), customer=CUSTOMER, actor=HERSELF, party_size=2)

    held.refresh_from_db()
    assert (held.status, Session.objects.get().booked) == ("expired", 2)


# --- limits ---


def test_a_phone_number_has_no_more_visits_to_come_than_the_service_allows():
    service = make_service(max_open_per_customer=2)
    first = make_booking(service, starts_at=slot(hour=10))
    make_booking(service, starts_at=slot(hour=11))

    with pytest.raises(TooManyUpcomingBookings, match="2 upcoming"):
        make_booking(service, starts_at=slot(hour=12))
    assert make_booking(service, starts_at=slot(hour=12), customer={**CUSTOMER, "phone": "+919812340009"}).pk
    cancel_booking(booking_id=first.pk, actor=HERSELF)
    assert make_booking(service, starts_at=slot(hour=13)).pk
