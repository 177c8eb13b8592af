from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings.exceptions import InvalidTransition, OutsideHours, SlotTaken, TooLateToChange
from bookings.models import Booking, BookingEvent, Location, ScheduleException, Service, Session
from bookings.operations import (
    cancel_booking,
    confirm_booking,
    decline_booking,
    expire_unanswered_requests,
    reschedule_booking,
)
from foundation.timezones import format_local_time
from notifications.models import Notification
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_room,
    make_service,
    next_dst_transitions,
    set_minutes_until_visit,
    slot,
    try_to_book,
)
from tests.invariants import violated_invariants

pytestmark = pytest.mark.django_db


def reschedule(booking, actor, **when):
    return reschedule_booking(booking_id=booking.pk, starts_at=slot(**when), actor=actor)


def make_booking_with_cutoffs(*, cancel, reschedule):
    return make_booking(make_service(cancel_cutoff_minutes=cancel, reschedule_cutoff_minutes=reschedule))


def make_confirmed_booking(**fields):
    booking = make_booking(make_service(reminder_minutes=[120], **fields))
    return confirm_booking(booking_id=booking.pk, actor=DESK)


def may_cancel(booking):
    try:
        cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    except TooLateToChange:
        return False
    return True


def test_reschedule_keeps_the_row_and_changes_the_time():
    booking = make_booking(starts_at=slot(hour=10))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    assert (rescheduled.pk, rescheduled.reference) == (booking.pk, booking.reference)
    assert (rescheduled.status, rescheduled.version) == ("pending", 2)
    assert (rescheduled.starts_at, rescheduled.ends_at) == (slot(hour=15), slot(hour=15, minute=30))
    assert try_to_book(booking.service, starts_at=slot(hour=10))
    assert not try_to_book(booking.service, starts_at=slot(hour=15))
    assert BookingEvent.objects.filter(booking=booking, kind="rescheduled", seq=2).exists()
    kinds = Notification.objects.filter(booking=booking).values_list("kind", flat=True)
    assert set(kinds) == {"booking_requested", "booking_rescheduled"}


def test_reschedule_changes_the_resource_only_if_it_is_taken():
    service = make_service(resources=2)
    doctor = service.resources.last()
    booking = make_booking(service, resource=doctor)
    make_booking(service, resource=doctor, starts_at=slot(hour=16))

    kept_resource = [
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=hour), actor=CUSTOMER_ACTOR).resource == doctor
        for hour in (15, 16)
    ]

    assert kept_resource == [True, False]


def test_reschedule_of_a_request_renews_its_deadline():
    booking = make_booking(make_service(answer_minutes=60))
    Booking.objects.update(answer_by=timezone.now() + timedelta(minutes=5))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=7), actor=CUSTOMER_ACTOR)

    assert timedelta(minutes=59) < rescheduled.answer_by - timezone.now() <= timedelta(minutes=60)


def test_reschedule_of_a_request_to_a_started_time_sets_the_deadline_to_its_end():
    service = make_service(duration_minutes=60)
    ScheduleException.objects.create(
        location=service.location,
        is_open=True,
        starts_at=timezone.now() - timedelta(days=1),
        ends_at=timezone.now() + timedelta(days=1),
    )
    booking = make_booking(service)

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=timezone.now() - timedelta(minutes=5), actor=DESK)
    expire_unanswered_requests()

    assert rescheduled.answer_by == rescheduled.ends_at
    assert Booking.objects.get().status == "pending"


def test_reschedule_may_overlap_the_old_time():
    booking = make_booking(starts_at=slot(hour=10))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=10, minute=15), actor=CUSTOMER_ACTOR)

    assert rescheduled.starts_at == slot(hour=10, minute=15)


def test_reschedule_to_the_same_time_changes_nothing():
    booking = make_booking()

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=booking.starts_at, actor=CUSTOMER_ACTOR)

    assert rescheduled.version == 1


def test_reschedule_to_the_same_room_changes_nothing():
    service = make_service()
    room = make_room(service)
    booking = make_booking(service)

    rescheduled = reschedule_booking(
        booking_id=booking.pk, starts_at=booking.starts_at, resource=room, actor=CUSTOMER_ACTOR
    )

    assert rescheduled.version == 1


@pytest.mark.parametrize("transition", [0, 1])
def test_reschedule_to_the_same_time_in_a_dst_gap_or_fold_changes_nothing(transition):
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(next_dst_transitions(zone)[transition], time(2, 30), zone).replace(fold=1)
    service = make_service()
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=1), is_open=True
    )
    booking = make_booking(Service.objects.get(), starts_at=at, actor=DESK)

    assert reschedule_booking(booking_id=booking.pk, starts_at=at, actor=DESK).version == 1


def test_reschedule_to_a_taken_slot_changes_nothing_and_returns_alternatives():
    service = make_service()
    make_booking(service, starts_at=slot(hour=15))
    booking = make_booking(service, starts_at=slot(hour=10))

    with pytest.raises(SlotTaken) as refusal:
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    booking.refresh_from_db()
    assert (booking.starts_at, booking.version) == (slot(hour=10), 1)
    assert refusal.value.alternatives == [slot(hour=14, minute=15), slot(hour=14, minute=30), slot(hour=15, minute=30)]
    assert not try_to_book(service, starts_at=slot(hour=10))


@pytest.mark.parametrize("status", ["completed", "no_show", "cancelled", "declined", "expired"])
def test_reschedule_rejects_finished_bookings(status):
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(status=status, answer_by=None)

    with pytest.raises(InvalidTransition, match="rescheduled"):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=DESK)


def test_reschedule_between_sessions_transfers_the_places():
    service = make_class(capacity=4)
    booking = make_booking(service, party_size=3, starts_at=slot(hour=10))

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    booked = dict(Session.objects.values_list("starts_at", "booked"))
    assert booked == {slot(hour=10).astimezone(UTC): 0, slot(hour=15).astimezone(UTC): 3}


def test_reschedule_by_the_customer_after_the_cancel_cutoff_stays_late():
    booking = make_booking_with_cutoffs(cancel=120, reschedule=0)
    set_minutes_until_visit(booking, 60)

    rescheduled = reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert rescheduled.late_since == rescheduled.cancel_until < timezone.now()
    assert not may_cancel(booking)
    assert cancel_booking(booking_id=booking.pk, actor=DESK).is_late_cancellation


def test_reschedule_by_a_late_customer_to_another_day_and_again_stays_late_since_the_first_cutoff():
    booking = make_booking_with_cutoffs(cancel=120, reschedule=0)
    set_minutes_until_visit(booking, 60)

    first = reschedule(booking, CUSTOMER_ACTOR, days=7)
    second = reschedule(booking, CUSTOMER_ACTOR, days=14)

    assert second.late_since == first.late_since
    assert not may_cancel(booking)


def test_reschedule_by_the_customer_before_the_cancel_cutoff_is_not_late():
    booking = make_booking_with_cutoffs(cancel=120, reschedule=0)
    set_minutes_until_visit(booking, 180)

    rescheduled = reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert (rescheduled.late_since, rescheduled.cancel_until) == (None, slot(days=7) - timedelta(minutes=120))
    assert may_cancel(booking)


def test_reschedule_without_a_cancel_cutoff_is_never_late():
    booking = make_booking_with_cutoffs(cancel=0, reschedule=0)
    set_minutes_until_visit(booking, 1)

    reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert may_cancel(booking)


def test_reschedule_after_the_reschedule_cutoff_is_refused_although_the_customer_may_still_cancel():
    booking = make_booking_with_cutoffs(cancel=0, reschedule=120)
    set_minutes_until_visit(booking, 60)

    with pytest.raises(TooLateToChange):
        reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert may_cancel(booking)


@pytest.mark.parametrize("was_late", [True, False])
def test_reschedule_by_staff_lets_the_customer_cancel_until_the_cutoff_of_the_new_time(was_late):
    booking = make_booking_with_cutoffs(cancel=120, reschedule=0)
    set_minutes_until_visit(booking, 60)
    if was_late:
        reschedule(booking, CUSTOMER_ACTOR, days=7)

    rescheduled = reschedule(booking, DESK, days=8)
    set_minutes_until_visit(booking, 121)
    booking.refresh_from_db()

    assert rescheduled.late_since is None
    assert timedelta(0) < booking.cancel_until - timezone.now() < timedelta(minutes=2)
    assert may_cancel(booking)


def test_reschedule_by_staff_to_a_time_after_its_cutoffs_lets_the_customer_change_it_until_it_starts():
    booking = make_booking_with_cutoffs(cancel=3 * 24 * 60, reschedule=3 * 24 * 60)
    Booking.objects.update(starts_at=slot(days=9), ends_at=slot(days=9, minute=30))

    moved = reschedule(booking, DESK, days=2)
    again = reschedule(booking, CUSTOMER_ACTOR, days=2, hour=12)

    assert moved.cancel_until == moved.reschedule_until == moved.starts_at
    assert again.late_since is None
    assert not may_cancel(booking)  # the customer chose this time, so its cutoff applies


def test_reschedule_by_staff_does_not_extend_the_cutoff_of_a_time_that_is_far_enough_ahead():
    booking = make_booking_with_cutoffs(cancel=120, reschedule=0)

    reschedule(booking, DESK, days=7)
    set_minutes_until_visit(booking, 60)
    Booking.objects.update(rescheduled_by_staff_at=timezone.now() - timedelta(days=6))

    assert not may_cancel(booking)


def test_reschedule_by_the_customer_is_pending_again_where_staff_confirm():
    booking = make_confirmed_booking(answer_minutes=60)

    rescheduled = reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert (rescheduled.status, rescheduled.version) == ("pending", 3)
    assert timedelta(minutes=59) < rescheduled.answer_by - timezone.now() <= timedelta(minutes=60)
    event = BookingEvent.objects.get(booking=booking, kind="rescheduled")
    assert (event.from_status, event.to_status) == ("confirmed", "pending")
    assert not try_to_book(booking.service, starts_at=slot(days=7))
    assert violated_invariants() == set()


def test_reschedule_by_the_customer_states_that_the_new_time_is_to_be_confirmed():
    booking = make_confirmed_booking()

    reschedule(booking, CUSTOMER_ACTOR, days=7)
    pending = list(
        Notification.objects.filter(booking=booking, kind="booking_rescheduled").values_list("subject", "body")
    )
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reschedule(booking, DESK, days=8)
    current = list(
        Notification.objects.filter(booking=booking, kind="booking_rescheduled", status="queued").values_list("body")
    )

    assert [("confirm" in subject + body, "reply soon" in body) for subject, body in pending] == [(True, True)] * 3
    assert ["confirm" in body for (body,) in current] == [False] * 3
    reminders = Notification.objects.filter(booking=booking, kind="booking_reminder", status="queued")
    assert set(reminders.values_list("planned_at", flat=True)) == {slot(days=8) - timedelta(minutes=120)}


def test_reschedule_by_the_customer_to_another_resource_is_pending_again():
    service = make_service(resources=2)
    booking = make_booking(service, resource=service.resources.first(), actor=DESK)

    rescheduled = reschedule_booking(
        booking_id=booking.pk, starts_at=booking.starts_at, resource=service.resources.last(), actor=CUSTOMER_ACTOR
    )

    assert rescheduled.status == "pending"


@pytest.mark.parametrize("fields", [{"requires_confirmation": False}, {"reconfirms_reschedules": False}])
def test_reschedule_by_the_customer_stays_confirmed_where_staff_need_not_confirm_it(fields):
    booking = make_booking(make_service(**fields), actor=DESK)

    rescheduled = reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert (rescheduled.status, rescheduled.answer_by) == ("confirmed", None)


def test_reschedule_by_staff_stays_confirmed():
    booking = make_confirmed_booking()

    rescheduled = reschedule(booking, DESK, days=7)

    assert (rescheduled.status, rescheduled.answer_by) == ("confirmed", None)


@pytest.mark.parametrize("fields", [{"requires_confirmation": False}, {"reconfirms_reschedules": False}])
def test_reschedule_of_a_request_stays_pending_if_the_service_changes(fields):
    booking = make_booking(make_service())
    Service.objects.update(**fields)

    rescheduled = reschedule(booking, CUSTOMER_ACTOR, days=7)

    assert rescheduled.status == "pending"
    assert rescheduled.answer_by is not None


@pytest.mark.parametrize("end", ["declined", "expired"])
def test_reschedule_that_staff_do_not_confirm_releases_both_times(end):
    booking = make_confirmed_booking()
    reschedule(booking, CUSTOMER_ACTOR, days=7)

    if end == "declined":
        decline_booking(booking_id=booking.pk, actor=DESK)
    else:
        Booking.objects.update(answer_by=timezone.now())
        expire_unanswered_requests()

    booking.refresh_from_db()
    assert booking.status == end
    assert try_to_book(booking.service)
    assert try_to_book(booking.service, starts_at=slot(days=7))
    assert violated_invariants() == set()


def test_confirmation_of_a_reschedule_that_was_too_late_to_cancel_keeps_it_late():
    booking = make_confirmed_booking(cancel_cutoff_minutes=120, reschedule_cutoff_minutes=0)
    set_minutes_until_visit(booking, 60)
    reschedule(booking, CUSTOMER_ACTOR, days=7)

    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert not may_cancel(booking)


@pytest.mark.parametrize(
    "when", [{"days": 1}, {"days": 40}, {"hour": 3}, {"minute": 7}], ids=["notice", "horizon", "closed", "minute"]
)
def test_reschedule_by_the_customer_observes_the_rules_of_a_new_booking(when):
    service = make_service(min_notice_minutes=2 * 24 * 60, horizon_days=30, cancel_cutoff_minutes=0)
    booking = make_booking(service, starts_at=slot(days=9))

    with pytest.raises(OutsideHours):
        reschedule(booking, CUSTOMER_ACTOR, **{"days": 8, **when})

    booking.refresh_from_db()
    assert (booking.starts_at, booking.version) == (slot(days=9), 1)


def test_reschedule_after_a_corrected_time_zone_is_promised_in_the_new_zone():
    booking = make_booking(actor=DESK)
    Location.objects.update(timezone="Asia/Dubai")
    five_pm = slot(hour=17).replace(tzinfo=ZoneInfo("Asia/Dubai"))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=five_pm, actor=DESK)

    assert rescheduled.timezone == "Asia/Dubai"
    assert "17:00" in format_local_time(rescheduled.starts_at, rescheduled.zone)


def test_reschedule_to_the_same_instant_in_a_corrected_time_zone_is_a_change():
    booking = make_booking(starts_at=slot(hour=16), actor=DESK)
    Location.objects.update(timezone="Asia/Dubai")

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=booking.starts_at, actor=DESK)

    assert (rescheduled.version, rescheduled.timezone) == (booking.version + 1, "Asia/Dubai")
    assert rescheduled.starts_at == booking.starts_at


def test_booking_keeps_the_time_zone_in_which_it_was_promised():
    booking = make_booking(actor=DESK)
    Location.objects.update(timezone="Asia/Dubai")

    cancelled = cancel_booking(booking_id=booking.pk, actor=DESK)

    assert (cancelled.timezone, cancelled.starts_at) == ("Asia/Kolkata", booking.starts_at)
