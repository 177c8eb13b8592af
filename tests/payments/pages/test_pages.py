from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from foundation.models import PeriodicTask
from payments.balance import balance_of
from payments.gateway.redaction import redacted
from payments.models import DeskPayment, Discrepancy, GatewayEvent, Payment, PaymentOrder, Refund
from reports.takings import takings
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_booking
from tests.builders.payments import checkout, make_orders_due, verify

pytestmark = pytest.mark.django_db(transaction=True)

RECONCILIATION, RESOLVE = "/payments/reconciliation", "/payments/reconciliation/resolve"


def sign_in(group, *permissions):
    client, user = Client(), make_staff(group or "nobody", group=group)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.fixture
def manager(db):
    return sign_in("Managers")


@pytest.fixture
def front_desk(db):
    return sign_in("Front desk")


@pytest.fixture
def payment(sandbox):
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    run_due_tasks()
    return Payment.objects.get()


def refund_form(**changes):
    return {"key": str(uuid4()), "amount_minor": "100.50", "reason": "Shorter", "booking": "stands", **changes}


def test_a_manager_pays_a_part_back_and_sees_it(manager, payment):
    response = manager.post(f"/payments/{payment.pk}/refund", refund_form(), follow=True)

    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.requested_by) == (10_050, "staff Managers")
    assert "A refund of INR 100.50 is on its way" in response.content.decode()
    assert Booking.objects.get().status == "confirmed"


def test_a_refund_form_sent_twice_is_one_refund(manager, payment):
    form = refund_form()

    for _ in range(2):
        manager.post(f"/payments/{payment.pk}/refund", form)

    assert Refund.objects.count() == 1


def test_the_booking_is_cancelled_only_where_that_is_chosen(manager, payment):
    manager.post(f"/payments/{payment.pk}/refund", refund_form(booking="cancel"))

    assert Booking.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": "0"},
        {"amount_minor": "-1"},
        {"amount_minor": "500.01"},
        {"amount_minor": "1.005"},
        {"amount_minor": "abc"},
        {"amount_minor": "NaN"},
        {"amount_minor": "1e400"},
        {"amount_minor": ""},
        {"reason": ""},
        {"booking": ""},
        {"booking": "perhaps"},
        {"key": "no uuid"},
        {"reason": "a\0b"},
    ],
)
def test_what_cannot_be_paid_back_is_said_in_the_form_and_changes_nothing(manager, payment, change):
    response = manager.post(f"/payments/{payment.pk}/refund", refund_form(**change))

    assert (response.status_code, Refund.objects.count()) == (200, 0)
    assert "errornote" in response.content.decode() or "errorlist" in response.content.decode()


def test_payment_page_offers_a_refund_to_managers_only(front_desk, manager, payment):
    pages = [client.get(f"/payments/{payment.pk}") for client in (front_desk, manager)]

    assert [(page.status_code, "Refund</button>" in page.content.decode()) for page in pages] == [
        (200, False),
        (200, True),
    ]
    assert front_desk.post(f"/payments/{payment.pk}/refund", refund_form()).status_code == 403
    assert front_desk.get(RECONCILIATION).status_code == 403
    assert Refund.objects.count() == 0


@pytest.mark.parametrize("path", [RECONCILIATION, "/payments/takings", "/payments/takings.csv", "/payments/1"])
def test_payment_pages_without_permission_are_403(path, db):
    assert Client().get(path).status_code == 302
    assert sign_in(None).get(path).status_code == 403


def test_money_in_review_is_listed_with_its_cause_and_decided_on_its_page(manager, sandbox):
    sandbox.client.pay(checkout().order.razorpay_order_id, amount=51_000)
    make_orders_due()
    run_due_tasks()
    payment = Payment.objects.get()

    listed = manager.get(RECONCILIATION).content.decode()
    manager.post(f"/payments/{payment.pk}/review", {"resolution": "pay_back", "note": "Wrong fee"})

    payment.refresh_from_db()
    assert "The order was for INR 500.00, but INR 510.00 was paid." in listed
    assert (payment.disposition, Refund.objects.get().amount_minor) == ("refund_due", 51_000)
    assert "The books match the gateway" in manager.get(RECONCILIATION).content.decode()


def test_each_kind_of_difference_is_listed(manager, payment):
    long_ago = timezone.now() - timedelta(days=1)
    Discrepancy.objects.create(gateway_id="pay_x", cause="Of no order", amount_minor=1, currency="INR")
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", state="unmatched", next_try_at=None)
    PaymentOrder.objects.update(next_check_at=long_ago, last_error="Gateway away")
    Payment.objects.update(captured_at=None, state="authorized", signature_verified_at=long_ago)
    rows = {"currency": "INR", "payment": payment, "amount_minor": 1, "requested_by": "x"}
    for state, source in (("requested", "staff"), ("failed", "staff"), ("processed", "external")):
        known = "rfnd_1" if state == "processed" else None
        Refund.objects.create(**rows, state=state, source=source, razorpay_refund_id=known)
    Refund.objects.update(created_at=long_ago)

    page = manager.get(RECONCILIATION).content.decode()

    for words in (
        "Of no order",
        "Gateway away",
        "reported an unknown order",
        "not captured the payment yet",
        "is not processed yet",
        "nothing was refunded",
        "outside Daybook",
    ):
        assert words in page


def test_reconciliation_actions_make_rows_due_and_close_discrepancies(manager, payment):
    PeriodicTask.objects.create(name="daily_reconciliation", due_at=timezone.now() + timedelta(days=1))
    entry = Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")
    order = PaymentOrder.objects.get()

    for action, key, note in (("check", order.pk, ""), ("compare", "", ""), ("close", entry.pk, "Test payment")):
        manager.post(RESOLVE, {"action": action, "key": key, "note": note})

    order.refresh_from_db()
    entry.refresh_from_db()
    assert order.next_check_at <= timezone.now()
    assert PeriodicTask.objects.get().due_at <= timezone.now()
    assert (entry.closed_by, entry.resolution) == ("staff Managers", "Test payment")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"action": "check", "key": "x"},
        {"action": "close", "key": "1"},
        {"action": "drop", "key": "1"},
        {"action": "read", "key": "1" * 99},
    ],
)
def test_a_button_that_makes_no_sense_changes_nothing(manager, form):
    assert manager.post(RESOLVE, form).status_code == 302


def test_the_desk_takes_what_is_still_owed_once(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "direction": "in", "note": ""}

    for _ in range(2):
        front_desk.post(f"/payments/desk/{booking.pk}", form)
    page = front_desk.get(f"/payments/desk/{booking.pk}").content.decode()

    assert (DeskPayment.objects.count(), "INR 300.00" in page) == (1, True)


def test_what_was_paid_back_is_not_owed_again(manager, payment):
    manager.post(f"/payments/{payment.pk}/refund", refund_form(amount_minor="100"))

    balance = balance_of(Booking.objects.get())

    assert (balance.online_minor, balance.refunded_minor, balance.due_minor) == (50_000, 10_000, 0)


def test_voided_desk_payment_is_not_counted(front_desk):
    booking = make_booking()
    form = {"key": str(uuid4()), "amount_minor": "200", "method": "cash", "direction": "in"}
    front_desk.post(f"/payments/desk/{booking.pk}", form)
    desk_payment = DeskPayment.objects.get()

    front_desk.post(f"/payments/desk/slips/{desk_payment.pk}/void")

    desk_payment.refresh_from_db()
    assert (desk_payment.voided_by, takings(timezone.localdate())) == ("staff Front desk", [])


def test_the_day_s_takings_add_up_by_method(manager, payment):
    booking = Booking.objects.get()
    manager.post(f"/payments/{payment.pk}/refund", refund_form(amount_minor="100"))
    run_due_tasks()
    for method, amount, direction in (("cash", "50", "in"), ("cash", "20", "out"), ("card", "30", "in")):
        form = {"key": str(uuid4()), "amount_minor": amount, "method": method, "direction": direction}
        manager.post(f"/payments/desk/{booking.pk}", form)

    rows = {
        row.method: (row.count, row.taken_minor, row.refunded_minor, row.net_minor)
        for row in takings(timezone.localdate())
    }
    csv = manager.get("/payments/takings.csv").content.decode().splitlines()

    assert rows == {
        "desk: card": (1, 3_000, 0, 3_000),
        "desk: cash": (2, 5_000, 2_000, 3_000),
        "online: upi": (2, 50_000, 10_000, 40_000),
        "all": (5, 58_000, 12_000, 46_000),
    }
    assert (len(csv), csv[0].split(",")[0]) == (6, "at")
    assert manager.get("/payments/takings").status_code == 200


def test_a_day_is_midnight_to_midnight_of_the_business(manager, settings):
    booking, zone = make_booking(), ZoneInfo("Asia/Kolkata")
    for at in (
        datetime(2026, 3, 1, 0, 0, tzinfo=zone),
        datetime(2026, 3, 1, 23, 59, 59, tzinfo=zone),
        datetime(2026, 3, 2, 0, 0, tzinfo=zone),
    ):
        DeskPayment.objects.create(
            booking=booking, method="cash", amount_minor=100, currency="INR", taken_by="x", taken_at=at
        )

    assert takings(datetime(2026, 3, 1, tzinfo=zone).date())[0].count == 2


@pytest.mark.parametrize("on", ["yesterday", "2026-02-30", "0001-01-01", "99999-01-01", "2026-01-01'--"])
def test_a_day_that_is_none_is_said_so(manager, on):
    assert "This is not a valid date" in manager.get("/payments/takings", {"on": on}).content.decode()
    assert manager.get("/payments/takings.csv", {"on": on}).status_code == 400


def test_an_event_is_shown_without_its_payer(db):
    event = {
        "payload": {"payment": {"entity": {"id": "pay_1", "email": "a@b.c", "vpa": "x@y", "notes": ["n"], "amount": 5}}}
    }

    assert redacted(event) == {
        "payload": {"payment": {"entity": {"id": "pay_1", "email": "…", "vpa": "…", "notes": "…", "amount": 5}}}
    }


@pytest.mark.parametrize("model", ["paymentorder", "payment", "refund", "deskpayment", "discrepancy", "gatewayevent"])
def test_every_list_and_row_of_the_admin_opens(manager, payment, model):
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", body={"email": "a@b.c"})
    Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")
    Refund.objects.create(payment=payment, amount_minor=1, currency="INR", source="staff", requested_by="x")
    DeskPayment.objects.create(booking=payment.booking, method="cash", amount_minor=1, currency="INR", taken_by="x")

    page = manager.get(f"/admin/payments/{model}/")

    assert page.status_code == 200
    key = page.context["cl"].result_list[0].pk
    row = manager.get(f"/admin/payments/{model}/{key}/change/")
    assert (row.status_code, "a@b.c" in row.content.decode()) == (200, False)
