from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from bookings.exceptions import OutsideHours, SlotTaken, TooManyUpcomingBookings, UnpaidHoldExists, WrongPaymentMode
from bookings.models import Booking, BookingEvent, Resource, Service
from bookings.operations import cancel_booking, complete_booking, confirm_booking, create_booking, hold_booking
from notifications.models import Notification
from tests.builders.bookings import (
    CUSTOMER,
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_hold,
    make_paid_service,
    make_service,
    set_minutes_until_visit,
    slot,
)
from tests.threads import run_concurrently, run_while_locked

pytestmark = pytest.mark.django_db


def test_booking_events_record_kind_status_and_actor():
    booking = make_booking()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    set_minutes_until_visit(booking, 0)
    complete_booking(booking_id=booking.pk, actor=DESK)

    history = BookingEvent.objects.filter(booking=booking).values_list(
        "seq", "kind", "to_status", "actor_kind", "actor"
    )
    assert list(history) == [
        (1, "created", "pending", "customer", "customer"),
        (2, "confirmed", "confirmed", "staff", "staff desk"),
        (3, "completed", "completed", "staff", "staff desk"),
    ]


def test_create_booking_confirms_if_the_service_needs_no_confirmation():
    booking = make_booking(make_service(requires_confirmation=False))

    assert booking.status == "confirmed"


def test_create_and_hold_reject_a_service_of_the_other_payment_mode():
    paid, unpaid = make_paid_service(), make_service()
    request = {"starts_at": slot(), "customer": CUSTOMER, "actor": CUSTOMER_ACTOR}

    with pytest.raises(WrongPaymentMode, match="razorpay-booking"):
        create_booking(service=paid, **request)
    with pytest.raises(WrongPaymentMode, match="POST /bookings/"):
        hold_booking(service=unpaid, **request)


def test_create_booking_by_staff_is_paid_at_the_desk():
    booking = make_booking(make_paid_service(requires_confirmation=True), actor=DESK)

    assert (booking.status, booking.due_online_minor, booking.price_minor) == ("confirmed", 0, 50_000)
    kinds = Notification.objects.filter(booking=booking).values_list("kind", flat=True)
    assert set(kinds) == {"booking_confirmed"}


def test_create_booking_by_staff_ignores_the_minimum_notice():
    service = make_service(min_notice_minutes=7 * 24 * 60)

    with pytest.raises(OutsideHours):
        make_booking(service)
    assert make_booking(service, actor=DESK).pk


def test_create_booking_in_a_taken_slot_writes_no_rows():
    service = make_service()
    make_booking(service)
    rows = Booking.objects.count(), Notification.objects.count()

    with pytest.raises(SlotTaken):
        make_booking(service, starts_at=slot(hour=10, minute=15))

    assert (Booking.objects.count(), Notification.objects.count()) == rows


def test_create_booking_retries_on_a_reference_collision(monkeypatch):
    existing = make_booking().reference
    letters = iter(existing.removeprefix("BK-") + "AAAAAAA")
    monkeypatch.setattr("bookings.models.defaults.secrets.choice", lambda _: next(letters))

    other = make_booking(starts_at=slot(hour=12))

    assert other.reference == "BK-AAAAAAA"
    assert Notification.objects.filter(booking=other).count() == 3


def test_create_booking_multiplies_the_price_by_the_party_size():
    assert make_booking(make_class(price_minor=30_000), party_size=3).price_minor == 90_000


def test_create_booking_rolled_back_leaves_no_messages():
    service = make_service()

    with transaction.atomic():
        make_booking(service)
        transaction.set_rollback(True)

    assert Notification.objects.count() == 0


def test_upcoming_bookings_per_phone_number_are_limited():
    service = make_service(max_open_per_customer=2)
    first = make_booking(service, starts_at=slot(hour=10))
    make_booking(service, starts_at=slot(hour=11))

    with pytest.raises(TooManyUpcomingBookings, match=r"upcoming bookings \(2\)"):
        make_booking(service, starts_at=slot(hour=12))
    assert make_booking(service, starts_at=slot(hour=12), customer={**CUSTOMER, "phone": "+919812340009"}).pk
    cancel_booking(booking_id=first.pk, actor=CUSTOMER_ACTOR)
    assert make_booking(service, starts_at=slot(hour=13)).pk


def test_overdue_request_does_not_count_as_upcoming():
    service = make_service(max_open_per_customer=1)
    make_booking(service)
    Booking.objects.update(answer_by=timezone.now())

    assert make_booking(service, starts_at=slot(hour=15)).status == "pending"


def test_hold_limit_applies_until_the_hold_is_cancelled(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    first = make_hold(service, starts_at=slot(hour=10))

    with pytest.raises(UnpaidHoldExists, match="Pay for it, cancel it with its token, or wait 15 min"):
        make_hold(service, starts_at=slot(hour=11))
    make_hold(service, starts_at=slot(hour=12), customer={**CUSTOMER, "phone": "+919812340009"})
    cancel_booking(booking_id=first.pk, actor=CUSTOMER_ACTOR)

    assert make_hold(service, starts_at=slot(hour=11)).status == "held"


def test_overdue_hold_does_not_count_towards_the_hold_limit(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    first = make_hold(service, starts_at=slot(hour=10))
    Booking.objects.filter(pk=first.pk).update(hold_expires_at=timezone.now())

    assert make_hold(service, starts_at=slot(hour=11)).status == "held"


@pytest.mark.django_db(transaction=True)
def test_concurrent_holds_of_one_phone_number_create_one(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service(resources=4)
    starts = [slot(hour=hour) for hour in (9, 10, 11, 12, 13, 14)]

    errors = run_concurrently([partial(make_hold, service, starts_at=start) for start in starts])

    assert [type(error) for error in errors] == [UnpaidHoldExists] * 5
    assert Booking.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_bookings_of_one_slot_create_one():
    service, starts_at = make_service(), slot()

    errors = run_concurrently([partial(make_booking, service, starts_at=starts_at)] * 50)

    assert [type(error) for error in errors] == [SlotTaken] * 49
    assert Booking.objects.count() == 1


def run_while_service_changes(changes, book):
    """Call ``book``, which waits until staff have changed the service; return the errors."""
    return run_while_locked(Resource.objects.all(), lambda: Service.objects.update(**changes), book)


@pytest.mark.django_db(transaction=True)
def test_booking_that_waited_for_a_change_of_its_service_has_the_new_terms():
    service = make_service(requires_confirmation=False)
    changes = {"requires_confirmation": True, "price_minor": 60_000, "duration_minutes": 45}

    assert run_while_service_changes(changes, lambda: make_booking(service)) == []

    booking = Booking.objects.get()
    assert (booking.status, booking.price_minor, booking.ends_at) == ("pending", 60_000, slot(minute=45))
    assert booking.answer_by is not None
    assert set(Notification.objects.values_list("kind", flat=True)) == {"booking_requested"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("make", "make_service_before", "payment_mode"),
    [(make_booking, make_service, "full"), (make_hold, make_paid_service, "none")],
    ids=["booking", "hold"],
)
def test_booking_that_waited_for_the_other_payment_mode_is_rejected(make, make_service_before, payment_mode):
    service = make_service_before()

    errors = run_while_service_changes({"payment_mode": payment_mode}, lambda: make(service))

    assert [type(error) for error in errors] == [WrongPaymentMode]
    assert not Booking.objects.exists()
