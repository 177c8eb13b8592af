import threading
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings.exceptions import InvalidTransition, OutsideHours, SlotTaken, WrongPaymentMode
from bookings.models import (
    Allocation,
    Booking,
    BookingEvent,
    Location,
    Resource,
    ScheduleException,
    Service,
)
from bookings.operations import (
    accept_payment,
    complete_booking,
    confirm_booking,
    create_booking,
    expire_unanswered_requests,
    hold_booking,
    release_hold,
)
from foundation.events import Actor, ActorKind
from notifications.models import Notification
from tests.factories import CUSTOMER, DESK, make_booking, make_paid_service, make_service, next_clock_changes, slot

pytestmark = pytest.mark.django_db


def test_a_booking_waits_for_staff_and_remembers_who_did_what():
    booking = make_booking()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    complete_booking(booking_id=booking.pk, actor=DESK)

    history = BookingEvent.objects.filter(booking=booking).values_list("seq", "kind", "to_status", "actor")
    assert list(history) == [
        (1, "created", "pending", "customer"),
        (2, "confirmed", "confirmed", "staff desk"),
        (3, "completed", "completed", "staff desk"),
    ]


def test_a_service_that_confirms_itself_does():
    booking = make_booking(make_service(requires_confirmation=False))

    assert booking.status == "confirmed"


def test_confirming_twice_changes_nothing_the_second_time():
    booking = make_booking()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    again = confirm_booking(booking_id=booking.pk, actor=DESK)

    assert (again.status, again.version) == ("confirmed", 2)
    assert Notification.objects.filter(booking=booking, kind="booking_confirmed").count() == 3


@pytest.mark.parametrize("status", ["held", "completed", "no_show", "cancelled", "declined", "expired"])
def test_only_a_pending_booking_can_be_confirmed(status):
    booking = make_booking()
    hold_expires_at = timezone.now() if status == "held" else None
    Booking.objects.filter(pk=booking.pk).update(status=status, hold_expires_at=hold_expires_at, answer_by=None)

    with pytest.raises(InvalidTransition, match=status):
        confirm_booking(booking_id=booking.pk, actor=DESK)

    booking.refresh_from_db()
    assert (booking.status, booking.version) == (status, 1)


def test_a_pending_booking_cannot_be_completed():
    booking = make_booking()

    with pytest.raises(InvalidTransition, match="pending"):
        complete_booking(booking_id=booking.pk, actor=DESK)


def test_a_taken_slot_is_refused_and_leaves_nothing_behind():
    service = make_service()
    make_booking(service)
    rows = Booking.objects.count(), Notification.objects.count()

    with pytest.raises(SlotTaken):
        make_booking(service, starts_at=slot(hour=10, minute=15))

    assert (Booking.objects.count(), Notification.objects.count()) == rows


def test_a_reference_that_another_booking_has_is_drawn_anew(monkeypatch):
    taken = make_booking().reference
    letters = iter(taken.removeprefix("BK-") + "AAAAAAA")
    monkeypatch.setattr("bookings.models.booking.secrets.choice", lambda _: next(letters))

    other = make_booking(starts_at=slot(hour=12))

    assert other.reference == "BK-AAAAAAA"
    assert Notification.objects.filter(booking=other).count() == 3


def test_back_to_back_visits_do_not_overlap():
    service = make_service()

    make_booking(service, starts_at=slot(hour=10))
    make_booking(service, starts_at=slot(hour=10, minute=30))

    assert Booking.objects.count() == 2


def test_buffers_keep_visits_apart():
    service = make_service(buffer_after_minutes=10)
    make_booking(service, starts_at=slot(hour=10))

    with pytest.raises(SlotTaken):
        make_booking(service, starts_at=slot(hour=10, minute=30))


def test_a_second_doctor_takes_the_second_visit():
    service = make_service(resources=2)

    first, second = make_booking(service), make_booking(service)

    assert {first.resource, second.resource} == set(Resource.objects.all())


def test_the_doctor_who_was_asked_for_is_the_one_who_comes():
    service = make_service(resources=2)
    wanted = service.resources.last()

    assert make_booking(service, resource=wanted).resource == wanted


@pytest.mark.parametrize(
    "starts_at",
    [slot(hour=8), slot(hour=17, minute=45), slot(hour=23, minute=50), slot(days=-1), slot(days=200)],
    ids=["before opening", "past closing", "over midnight", "in the past", "beyond the horizon"],
)
def test_a_time_that_is_not_sold_is_refused(starts_at):
    with pytest.raises(OutsideHours):
        make_booking(make_service(), starts_at=starts_at)


def test_each_service_has_its_own_door():
    paid, unpaid = make_paid_service(), make_service()
    request = {"starts_at": slot(), "customer": CUSTOMER, "actor": Actor(ActorKind.CUSTOMER)}

    with pytest.raises(WrongPaymentMode, match="razorpay-booking"):
        create_booking(service=paid, **request)
    with pytest.raises(WrongPaymentMode, match="POST /bookings/"):
        hold_booking(service=unpaid, **request)


def hold(**changes):
    service = changes.pop("service", None) or make_paid_service()
    return hold_booking(
        service=service, starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER), **changes
    ).booking


def lapse(booking):
    Booking.objects.filter(pk=booking.pk).update(hold_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_hold_blocks_its_slot_until_it_lapses():
    held = hold()
    with pytest.raises(SlotTaken):
        hold(service=held.service)
    lapse(held)

    hold(service=held.service)

    held.refresh_from_db()
    assert held.status == "expired"


def test_money_for_a_lapsed_hold_brings_the_slot_back_if_it_is_free():
    held = hold()
    release_hold(booking_id=held.pk, actor=DESK)

    assert accept_payment(booking_id=held.pk, actor=DESK)
    held.refresh_from_db()
    assert held.status == "confirmed"
    assert Allocation.objects.get(booking=held).is_active


def test_money_that_comes_when_the_visit_is_over_confirms_nothing():
    booking = hold()
    over = timezone.now() - timedelta(minutes=20)
    Booking.objects.update(starts_at=over - timedelta(minutes=30), ends_at=over)

    assert not accept_payment(booking_id=booking.pk, actor=DESK)


def test_a_second_payment_does_not_confirm_a_request_that_expired_unanswered():
    booking = hold(service=make_paid_service(requires_confirmation=True))
    accept_payment(booking_id=booking.pk, actor=DESK)
    Booking.objects.update(answer_by=timezone.now())
    expire_unanswered_requests()

    assert not accept_payment(booking_id=booking.pk, actor=DESK)
    assert Booking.objects.get().status == "expired"


def test_money_for_a_lapsed_hold_steals_no_slot():
    held = hold()
    lapse(held)
    other = hold(service=held.service)

    assert not accept_payment(booking_id=held.pk, actor=DESK)
    held.refresh_from_db()
    other.refresh_from_db()
    assert (held.status, other.status) == ("expired", "held")


def test_the_database_itself_refuses_an_overlap():
    booking = make_booking()
    allocation = booking.allocations.get()
    other = make_booking(starts_at=slot(hour=15))

    with pytest.raises(IntegrityError, match="no_double_booking"), transaction.atomic():
        other.allocations.update(blocked=allocation.blocked)


def test_the_database_refuses_to_block_no_time_at_all():
    at = slot()

    with pytest.raises(IntegrityError, match="some_time_is_blocked"), transaction.atomic():
        make_booking().allocations.update(blocked=(at, at))


@pytest.mark.parametrize("change", [0, 1])
def test_an_hour_is_an_hour_also_where_the_clocks_change(change):
    zone = ZoneInfo("Europe/Berlin")
    starts_at = datetime.combine(next_clock_changes(zone)[change] - timedelta(days=1), time(9), zone)
    service = make_service(duration_minutes=24 * 60, buffer_before_minutes=30)
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=starts_at, ends_at=starts_at + timedelta(days=2), is_open=True
    )

    booking = make_booking(Service.objects.get(), starts_at=starts_at, actor=DESK)

    blocked = booking.allocations.get().blocked
    assert booking.ends_at - booking.starts_at.astimezone(UTC) == timedelta(hours=24)
    assert blocked.upper - blocked.lower == timedelta(hours=24, minutes=30)


def test_a_rollback_leaves_no_message():
    service = make_service()

    with transaction.atomic():
        make_booking(service)
        transaction.set_rollback(True)

    assert Notification.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_want_one_slot_one_gets_it():
    service = make_service()
    starts_at, gate, results = slot(), threading.Barrier(50), []

    def try_to_book():
        gate.wait()
        try:
            make_booking(service, starts_at=starts_at)
            results.append("booked")
        except SlotTaken:
            results.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=try_to_book) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["booked"] + ["taken"] * 49
    assert Booking.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_confirm_at_once_one_does():
    booking = make_booking()
    gate = threading.Barrier(16)

    def confirm():
        gate.wait()
        confirm_booking(booking_id=booking.pk, actor=DESK)
        connection.close()

    threads = [threading.Thread(target=confirm) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert BookingEvent.objects.filter(booking=booking, kind="confirmed").count() == 1
    assert Notification.objects.filter(booking=booking, kind="booking_confirmed").count() == 3
