from uuid import uuid4

import pytest
from django.utils import timezone

from payments.models import DeskPayment
from reports.takings import takings
from tests.builders.bookings import make_booking, make_service

pytestmark = pytest.mark.django_db(transaction=True)


def test_desk_payment_form_sent_twice_records_one_and_shows_the_balance_due(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "direction": "in", "note": ""}

    for _ in range(2):
        front_desk.post(f"/payments/desk/{booking.pk}", form)
    page = front_desk.get(f"/payments/desk/{booking.pk}").content.decode()

    assert (DeskPayment.objects.count(), "INR 300.00" in page) == (1, True)


def test_voided_desk_payment_is_not_counted(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "direction": "in"}
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
    form = {"key": str(uuid4()), "amount_minor": typed, "method": "cash", "direction": "in"}

    front_desk.post(f"/payments/desk/{booking.pk}", form)
    page = front_desk.get(f"/payments/desk/{booking.pk}")

    assert DeskPayment.objects.get().amount_minor == amount_minor
    assert due in page.content.decode()
    assert page.context["form"]["amount_minor"].label == f"Amount ({currency})"


@pytest.mark.parametrize(("currency", "typed"), [("INR", "1.005"), ("JPY", "5000.5")])
def test_desk_payment_with_too_many_decimals_is_refused(front_desk, currency, typed):
    booking = make_booking(make_service(currency=currency))
    form = {"key": str(uuid4()), "amount_minor": typed, "method": "cash", "direction": "in"}

    page = front_desk.post(f"/payments/desk/{booking.pk}", form)

    assert page.context["form"].errors["amount_minor"]
    assert not DeskPayment.objects.exists()
