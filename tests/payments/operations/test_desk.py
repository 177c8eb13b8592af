import pytest
from django.db import InternalError, transaction
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import cancel_booking, decline_booking
from payments.balance import balance_of
from payments.exceptions import ManagerRequired, PayoutTooLarge, WriteOffTooLarge
from payments.models import DeskPayment
from payments.operations import void_desk_payment
from tests.builders.bookings import CUSTOMER_ACTOR, DESK, make_booking
from tests.builders.payments import pay_at_desk, pay_out, write_off
from tests.threads import run_while_locked

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 50_000


def cancel_by_customer(booking):
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)


def cancel_by_staff(booking):
    cancel_booking(booking_id=booking.pk, actor=DESK)


def decline(booking):
    decline_booking(booking_id=booking.pk, actor=DESK)


def decline_late_customer(booking):
    Booking.objects.update(late_since=timezone.now())
    decline(booking)


def keep(booking):
    pass


@pytest.mark.parametrize(
    ("end", "taken", "granted"),
    [
        (keep, PRICE, 0),
        (keep, PRICE + 20_000, 20_000),
        (cancel_by_customer, PRICE, PRICE),
        (cancel_by_staff, PRICE, 0),
        (decline, PRICE, PRICE),
        (decline_late_customer, PRICE, 0),
    ],
)
def test_front_desk_pays_out_what_the_refund_policy_grants(end, taken, granted):
    booking = make_booking()
    pay_at_desk(booking, taken)
    end(booking)

    with pytest.raises(ManagerRequired if granted < taken else PayoutTooLarge):
        pay_out(booking, granted + 1, is_by_manager=False)
    if granted:
        pay_out(booking, granted, is_by_manager=False)

    payouts = DeskPayment.objects.filter(kind="paid_out").values_list("amount_minor", flat=True)
    assert list(payouts) == [granted] * bool(granted)


def test_manager_pays_out_at_most_what_was_received():
    booking = make_booking()
    pay_at_desk(booking)
    pay_out(booking, PRICE)

    with pytest.raises(PayoutTooLarge):
        pay_out(booking, 1)


def test_amount_written_off_is_no_longer_due():
    booking = make_booking()
    pay_at_desk(booking, 20_000)

    row = write_off(booking, 30_000)
    with pytest.raises(WriteOffTooLarge, match=r"At most INR 0\.00"):
        write_off(booking, 1)

    balance = balance_of(booking)
    assert (row.method, balance.due_minor, balance.held_minor, balance.written_off_minor) == ("", 0, 20_000, 30_000)


def test_payment_after_a_write_off_is_overpaid():
    booking = make_booking()
    write_off(booking, 30_000)

    pay_at_desk(booking)

    assert balance_of(booking).due_minor == -30_000
    pay_out(booking, 30_000, is_by_manager=False)
    assert balance_of(booking).due_minor == 0


@pytest.mark.parametrize(
    ("record", "refusal"), [(pay_out, PayoutTooLarge), (write_off, WriteOffTooLarge)], ids=["payouts", "write-offs"]
)
def test_concurrent_records_wait_for_each_other(record, refusal):
    booking = make_booking()
    pay_at_desk(booking, 25_000)

    errors = run_while_locked(
        Booking.objects.filter(pk=booking.pk), lambda: record(booking, 25_000), lambda: record(booking, 25_000)
    )

    assert [type(error) for error in errors] == [refusal]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 1},
        {"kind": "paid_out"},
        {"method": "card"},
        {"currency": "USD"},
        {"taken_by": "staff asha"},
        {"taken_at": timezone.now()},
    ],
)
def test_recorded_desk_payment_is_never_changed(changes):
    desk_payment = pay_at_desk(make_booking())

    with pytest.raises(InternalError, match="never changed"), transaction.atomic():
        DeskPayment.objects.update(**changes)
    with pytest.raises(InternalError, match="never changed"), transaction.atomic():
        desk_payment.delete()

    assert DeskPayment.objects.get() == desk_payment


def test_voided_desk_payment_stays_voided():
    desk_payment = pay_at_desk(make_booking())
    void_desk_payment(desk_payment_id=desk_payment.pk, actor=DESK)

    with pytest.raises(InternalError, match="never changed"), transaction.atomic():
        DeskPayment.objects.update(voided_at=None, voided_by="")

    desk_payment.refresh_from_db()
    assert (desk_payment.amount_minor, desk_payment.voided_by) == (PRICE, "staff desk")
