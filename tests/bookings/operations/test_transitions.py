from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings.exceptions import InvalidTransition, TooEarly, TooLateToChange
from bookings.models import Allocation, Booking, BookingEvent, ScheduleException, Service
from bookings.operations import (
    accept_payment,
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    expire_unanswered_requests,
    mark_no_show,
    release_hold,
    reschedule_booking,
)
from notifications.models import Notification
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_hold,
    make_paid_service,
    make_service,
    set_minutes_until_visit,
    slot,
    try_to_book,
)
from tests.invariants import violated_invariants
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db


def change_service(service, **fields):
    Service.objects.filter(pk=service.pk).update(**fields)
    service.refresh_from_db()


def end_of_today(booking):
    today = timezone.now().astimezone(booking.zone)
    return today.replace(hour=23, minute=59, second=59, microsecond=999_999)


def start_visit(booking):
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() - timedelta(minutes=1))


def test_confirm_booking_twice_changes_it_once():
    booking = make_booking()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    second = confirm_booking(booking_id=booking.pk, actor=DESK)

    assert (second.status, second.version) == ("confirmed", 2)
    assert Notification.objects.filter(booking=booking, kind="booking_confirmed").count() == 3


@pytest.mark.parametrize("status", ["held", "completed", "no_show", "cancelled", "declined", "expired"])
def test_confirm_booking_rejects_other_statuses(status):
    booking = make_booking()
    hold_expires_at = timezone.now() if status == "held" else None
    Booking.objects.filter(pk=booking.pk).update(status=status, hold_expires_at=hold_expires_at, answer_by=None)

    with pytest.raises(InvalidTransition, match=status):
        confirm_booking(booking_id=booking.pk, actor=DESK)

    booking.refresh_from_db()
    assert (booking.status, booking.version) == (status, 1)


@pytest.mark.django_db(transaction=True)
def test_concurrent_confirmations_record_one_event():
    booking = make_booking()

    errors = run_concurrently([partial(confirm_booking, booking_id=booking.pk, actor=DESK)] * 16)

    assert errors == []
    assert BookingEvent.objects.filter(booking=booking, kind="confirmed").count() == 1
    assert Notification.objects.filter(booking=booking, kind="booking_confirmed").count() == 3


def test_decline_booking_releases_the_slot_and_notifies_the_customer():
    booking = make_booking()

    decline_booking(booking_id=booking.pk, actor=DESK)
    second = decline_booking(booking_id=booking.pk, actor=DESK)

    assert (second.status, second.version) == ("declined", 2)
    assert Notification.objects.filter(booking=booking, kind="booking_declined").count() == 3
    assert try_to_book(booking.service)


def test_decline_booking_rejects_a_confirmed_booking():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    with pytest.raises(InvalidTransition):
        decline_booking(booking_id=booking.pk, actor=DESK)


def test_cancel_booking_by_the_customer_releases_the_slot():
    booking = make_booking()

    cancelled = cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)

    assert (cancelled.status, cancelled.is_late_cancellation) == ("cancelled", False)
    assert try_to_book(booking.service)


def test_cancel_booking_after_the_cutoff_requires_staff_and_is_late():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    set_minutes_until_visit(booking, 60)

    with pytest.raises(TooLateToChange):
        cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    cancelled = cancel_booking(booking_id=booking.pk, actor=DESK)

    assert (cancelled.status, cancelled.is_late_cancellation) == ("cancelled", True)


def test_cutoffs_do_not_change_after_booking():
    service = make_service(cancel_cutoff_minutes=30, reschedule_cutoff_minutes=30)
    booking = make_booking(service)
    set_minutes_until_visit(booking, 60)
    service.cancel_cutoff_minutes = service.reschedule_cutoff_minutes = 600
    service.save()

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)
    set_minutes_until_visit(booking, 60)

    assert cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR).status == "cancelled"


def test_cancel_booking_of_an_unpaid_hold_sends_no_messages():
    booking = make_hold()

    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)

    assert not Notification.objects.filter(booking=booking).exists()


def test_mark_no_show_requires_a_started_visit():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    with pytest.raises(TooEarly):
        mark_no_show(booking_id=booking.pk, actor=DESK)
    start_visit(booking)
    missed = mark_no_show(booking_id=booking.pk, actor=DESK)

    assert missed.status == "no_show"
    assert Notification.objects.filter(booking=booking, kind="booking_missed").count() == 3


@pytest.mark.parametrize(("zone", "is_too_early"), [("Pacific/Kiritimati", False), ("Pacific/Pago_Pago", True)])
def test_complete_booking_needs_the_day_of_the_visit_at_the_location(zone, is_too_early):
    booking = make_booking(make_service(), actor=DESK)
    now = timezone.now().astimezone(ZoneInfo(zone))
    midnight = datetime.combine(now.date() + timedelta(days=1), time(0), now.tzinfo)
    starts_at = midnight if is_too_early else midnight - timedelta(microseconds=1)
    Booking.objects.update(timezone=zone, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=30))

    if is_too_early:
        with pytest.raises(TooEarly, match=f"is on {midnight:%d %b %Y}"):
            complete_booking(booking_id=booking.pk, actor=DESK)
    else:
        complete_booking(booking_id=booking.pk, actor=DESK)

    booking.refresh_from_db()
    assert booking.status == ("confirmed" if is_too_early else "completed")


def test_complete_booking_before_the_start_releases_the_slot_on_the_day_of_the_visit():
    booking = make_booking(make_service(), actor=DESK)
    start_of_visit = min(timezone.now() + timedelta(hours=1), end_of_today(booking))
    Booking.objects.update(starts_at=start_of_visit)

    completed = complete_booking(booking_id=booking.pk, actor=DESK)

    assert completed.status == "completed"
    assert not Allocation.objects.filter(is_active=True).exists()


def test_correction_of_a_visit_that_was_completed_early_to_no_show_needs_its_start():
    booking = make_booking(make_service(), actor=DESK)
    Booking.objects.update(starts_at=end_of_today(booking))
    complete_booking(booking_id=booking.pk, actor=DESK)

    with pytest.raises(TooEarly):
        mark_no_show(booking_id=booking.pk, actor=DESK, may_correct=True)


@pytest.mark.parametrize("conclude", [complete_booking, mark_no_show])
def test_conclusion_of_a_request_is_invalid_and_not_too_early(conclude):
    booking = make_booking()

    with pytest.raises(InvalidTransition, match="pending"):
        conclude(booking_id=booking.pk, actor=DESK)


def test_correction_of_a_visit_needs_may_correct_and_sends_no_messages():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)
    start_visit(booking)
    mark_no_show(booking_id=booking.pk, actor=DESK)

    with pytest.raises(InvalidTransition):
        complete_booking(booking_id=booking.pk, actor=DESK)
    corrected = complete_booking(booking_id=booking.pk, actor=DESK, may_correct=True)
    reverted = mark_no_show(booking_id=booking.pk, actor=DESK, may_correct=True)

    assert (corrected.status, reverted.status) == ("completed", "no_show")
    kinds = Notification.objects.filter(booking=booking).values_list("kind", flat=True)
    assert set(kinds) == {"booking_confirmed", "booking_missed", "booking_requested"}


def test_accept_payment_reinstates_an_expired_hold_if_its_slot_is_free():
    hold = make_hold()
    release_hold(booking_id=hold.pk, actor=DESK)

    assert accept_payment(booking_id=hold.pk, actor=DESK)
    hold.refresh_from_db()
    assert hold.status == "confirmed"
    assert Allocation.objects.get(booking=hold).is_active


def test_accept_payment_keeps_a_hold_expired_if_its_slot_is_taken():
    hold = make_hold()
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=timezone.now())
    other = make_hold(hold.service)

    assert not accept_payment(booking_id=hold.pk, actor=DESK)
    hold.refresh_from_db()
    other.refresh_from_db()
    assert (hold.status, other.status) == ("expired", "held")


def test_accept_payment_after_the_visit_changes_nothing():
    booking = make_hold()
    ended_at = timezone.now() - timedelta(minutes=20)
    Booking.objects.update(starts_at=ended_at - timedelta(minutes=30), ends_at=ended_at)

    assert not accept_payment(booking_id=booking.pk, actor=DESK)


def test_accept_payment_does_not_reinstate_an_expired_request():
    booking = make_hold(make_paid_service(requires_confirmation=True))
    accept_payment(booking_id=booking.pk, actor=DESK)
    Booking.objects.update(answer_by=timezone.now())
    expire_unanswered_requests()

    assert not accept_payment(booking_id=booking.pk, actor=DESK)
    assert Booking.objects.get().status == "expired"


def test_accept_payment_does_not_reinstate_a_hold_of_a_session_that_is_now_shorter():
    service = make_paid_service(slug="retreat", capacity=2)
    hold = make_hold(service)
    release_hold(booking_id=hold.pk, actor=DESK)
    change_service(service, duration_minutes=15)
    make_hold(service)

    assert not accept_payment(booking_id=hold.pk, actor=DESK)
    assert violated_invariants() == set()


@pytest.mark.parametrize("reason", ["closed day", "inactive resource"])
def test_accept_payment_does_not_reinstate_a_hold_that_can_no_longer_be_booked(reason):
    service = make_paid_service()
    hold = make_hold(service)
    release_hold(booking_id=hold.pk, actor=DESK)
    if reason == "closed day":
        ScheduleException.objects.create(location=service.location, starts_at=slot(hour=0), ends_at=slot(hour=23))
    else:
        service.resources.update(is_active=False)

    assert not accept_payment(booking_id=hold.pk, actor=DESK)
    assert Allocation.objects.filter(is_active=True).count() == 0
