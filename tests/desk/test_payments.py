from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bookings.operations import cancel_booking
from foundation.background_tasks import run_due_tasks
from payments.models import DeskPayment, Payment
from reports.takings import takings
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.builders.clock import let_time_pass
from tests.builders.payments import checkout, pay_at_desk, pay_out, verify, write_off

pytestmark = pytest.mark.django_db(transaction=True)


def test_desk_payment_form_sent_twice_records_one_and_shows_the_balance_due(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "kind": "taken", "note": ""}

    for _ in range(2):
        front_desk.post(f"/payments/desk/{booking.pk}", form)
    page = front_desk.get(f"/payments/desk/{booking.pk}").content.decode()

    assert (DeskPayment.objects.count(), "INR 300.00" in page) == (1, True)


def test_voided_desk_payment_is_not_counted(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "kind": "taken"}
    front_desk.post(f"/payments/desk/{booking.pk}", form)
    desk_payment = DeskPayment.objects.get()

    front_desk.post(f"/payments/desk/slips/{desk_payment.pk}/void")

    desk_payment.refresh_from_db()
    assert (desk_payment.voided_by, takings(timezone.localdate())) == ("staff Front desk", [])


@pytest.mark.parametrize(
    ("currency", "typed", "amount_minor", "due"),
    [("INR", "200", 20_000, "INR 300.00"), ("JPY", "5000", 5_000, "JPY 45,000"), ("KWD", "1.5", 1_500, "KWD 48.500")],
)
def test_desk_payment_has_the_decimals_of_its_currency(front_desk, currency, typed, amount_minor, due):
    booking = make_booking(make_service(currency=currency))
    form = {"key": str(uuid4()), "amount_minor": typed, "method": "cash", "kind": "taken"}

    front_desk.post(f"/payments/desk/{booking.pk}", form)
    page = front_desk.get(f"/payments/desk/{booking.pk}")

    assert DeskPayment.objects.get().amount_minor == amount_minor
    assert due in page.content.decode()
    assert page.context["form"]["amount_minor"].label == f"Amount ({currency})"


@pytest.mark.parametrize(("currency", "typed"), [("INR", "1.005"), ("JPY", "5000.5")])
def test_desk_payment_with_too_many_decimals_is_refused(front_desk, currency, typed):
    booking = make_booking(make_service(currency=currency))
    form = {"key": str(uuid4()), "amount_minor": typed, "method": "cash", "kind": "taken"}

    page = front_desk.post(f"/payments/desk/{booking.pk}", form)

    assert page.context["form"].errors["amount_minor"]
    assert not DeskPayment.objects.exists()


def form_of(amount, kind="taken", **fields):
    return {"key": str(uuid4()), "amount_minor": amount, "method": "cash", "kind": kind, **fields}


def test_amount_above_what_is_due_must_be_confirmed(front_desk):
    booking = make_booking()
    path = f"/payments/desk/{booking.pk}"

    page = front_desk.post(path, form_of("600"))
    before = DeskPayment.objects.count()
    front_desk.post(path, form_of("600", is_more_than_due="on"))

    content = page.content.decode()
    assert "Only INR 500.00 is due" in content
    assert '<input type="checkbox" name="is_more_than_due"' in content
    assert (before, DeskPayment.objects.get().amount_minor) == (0, 60_000)


def test_cancelled_booking_is_not_asked_for_its_price(front_desk):
    booking = make_booking()
    cancel_booking(booking_id=booking.pk, actor=DESK)

    page = front_desk.get(f"/payments/desk/{booking.pk}")

    assert page.context["form"]["amount_minor"].value() is None
    assert "INR 500.00" not in page.content.decode()


def test_more_than_came_in_cannot_be_paid_out(front_desk):
    booking = make_booking()

    page = front_desk.post(f"/payments/desk/{booking.pk}", form_of("99999", kind="paid_out"))

    assert "At most INR 0.00 can be paid out" in page.content.decode()
    assert not DeskPayment.objects.exists()


def test_form_that_was_sent_for_another_booking_records_nothing(front_desk):
    form = form_of("200")
    front_desk.post(f"/payments/desk/{make_booking().pk}", form)

    page = front_desk.post(f"/payments/desk/{make_booking(starts_at=slot(hour=12)).pk}", form)

    assert "Reload the page and enter it again" in page.content.decode()
    assert DeskPayment.objects.count() == 1


def test_payment_whose_money_was_paid_out_is_not_voided(front_desk):
    booking = make_booking()
    taken = pay_at_desk(booking)
    pay_out(booking, 10_000)

    page = front_desk.post(f"/payments/desk/slips/{taken.pk}/void", follow=True)

    taken.refresh_from_db()
    assert taken.voided_at is None
    assert "Void the payout first" in page.content.decode()


def test_money_under_review_is_shown_with_its_reason_and_not_asked_for_again(front_desk, sandbox):
    new_checkout = checkout()
    verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000))
    run_due_tasks()
    payment, booking = Payment.objects.get(), new_checkout.new_booking.booking

    balance_page = front_desk.get(f"/payments/desk/{booking.pk}")
    booking_page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/").content.decode()

    content = balance_page.content.decode()
    assert f'<a href="/payments/{payment.pk}">INR 510.00</a>, not counted until a manager has decided' in content
    assert "The order was for INR 500.00, but INR 510.00 was paid." in content
    assert "<strong>INR 500.00</strong>" in content
    assert balance_page.context["form"]["amount_minor"].value() is None
    assert "Balance and desk payments (INR 510.00 under review)" in booking_page
    assert '<span class="pill review">review</span>' in booking_page


def test_page_of_a_booking_without_money_under_review_does_not_name_any(front_desk):
    booking = make_booking()

    page = front_desk.get(f"/admin/bookings/booking/{booking.pk}/change/").content.decode()

    assert "Balance and desk payments</a>" in page


@pytest.mark.parametrize(("client", "is_recorded"), [("front_desk", False), ("manager", True)])
def test_payout_beyond_the_refund_policy_needs_a_manager(request, client, is_recorded):
    booking = make_booking()
    pay_at_desk(booking)

    page = request.getfixturevalue(client).post(f"/payments/desk/{booking.pk}", form_of("100", kind="paid_out"))

    assert DeskPayment.objects.filter(kind="paid_out").exists() == is_recorded
    assert ("The refund policy grants INR 0.00. Ask a manager to pay out more." in page.content.decode()) != is_recorded


@pytest.mark.parametrize(("client", "is_recorded"), [("front_desk", False), ("manager", True)])
def test_write_off_needs_a_manager(request, client, is_recorded):
    booking = make_booking()
    staff = request.getfixturevalue(client)
    path = f"/payments/desk/{booking.pk}"

    choices = staff.get(path).context["form"].fields["kind"].choices
    staff.post(path, form_of("200", kind="written_off"))
    content = staff.get(path).content.decode()

    assert ("written_off" in dict(choices)) == is_recorded
    assert DeskPayment.objects.filter(kind="written_off", method="", amount_minor=20_000).exists() == is_recorded
    assert f"<strong>INR {'300.00' if is_recorded else '500.00'}</strong>" in content
    assert takings(timezone.localdate()) == []


@pytest.mark.parametrize(("client", "is_voided"), [("front_desk", False), ("manager", True)])
def test_void_of_another_day_needs_a_manager(request, client, is_voided):
    desk_payment = pay_at_desk(make_booking())
    let_time_pass(timedelta(days=1))

    page = request.getfixturevalue(client).post(f"/payments/desk/slips/{desk_payment.pk}/void", follow=True)

    desk_payment.refresh_from_db()
    assert (desk_payment.voided_at is not None) == is_voided
    assert ("Ask a manager to void it" in page.content.decode()) != is_voided


@pytest.mark.parametrize(("client", "is_voided"), [("front_desk", False), ("manager", True)])
def test_void_of_a_write_off_needs_a_manager(request, client, is_voided):
    desk_payment = write_off(make_booking(), 20_000)

    page = request.getfixturevalue(client).post(f"/payments/desk/slips/{desk_payment.pk}/void", follow=True)

    desk_payment.refresh_from_db()
    assert (desk_payment.voided_at is not None) == is_voided
    assert ("Only a manager can void a write-off" in page.content.decode()) != is_voided
