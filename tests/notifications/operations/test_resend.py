from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from bookings.operations import cancel_booking, confirm_booking, update_customer
from foundation.background_tasks import run_due_tasks
from notifications.delivery.receipts import apply_receipts
from notifications.models import Notification, Suppression
from notifications.operations.resend import NotResendable, obstacle_to_resend, resend_notification
from notifications.operations.suppressions import suppress
from notifications.reminders import replan_reminders
from payments.ledger import advance_refund, flag_failed_refund, lock_payment
from payments.models import Refund
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.builders.notifications import make_notification
from tests.builders.payments import make_captured_payment
from tests.builders.twilio import post_status_callback
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

Status = Notification.Status


def resend(notification):
    return resend_notification(notification_id=notification.pk, actor=DESK)


@pytest.mark.parametrize("status", [Status.FAILED, Status.DEAD, Status.UNDELIVERED, Status.EXPIRED])
def test_resend_queues_a_new_message_with_current_data_and_leaves_the_old_one(status):
    old = make_notification(channel="email", status=status, error="550 no such user", body="outdated", subject="old")
    customer = old.booking.customer
    customer.email, customer.name = "new@example.com", "Meera Nair"
    update_customer(customer=customer)

    new = resend(old)

    old.refresh_from_db()
    assert (old.status, old.error, old.body) == (status, "550 no such user", "outdated")
    assert (new.status, new.address, new.resend_of_id, new.resent_by) == (
        Status.QUEUED,
        "new@example.com",
        old.pk,
        str(DESK),
    )
    assert "Meera Nair" in new.body
    assert (new.kind, new.event_id, new.expires_at) == (old.kind, old.event_id, old.booking.ends_at)


def test_resend_twice_queues_one_message():
    old = make_notification(status=Status.FAILED)

    assert resend(old) == resend(old)
    assert Notification.objects.filter(resend_of=old).count() == 1


def test_resend_that_fails_can_be_sent_again_in_its_turn():
    first = make_notification(status=Status.FAILED)
    second = resend(first)
    Notification.objects.filter(pk=second.pk).update(status=Status.DEAD)

    third = resend(second)

    assert (third.resend_of_id, Notification.objects.count()) == (second.pk, 3)


@pytest.mark.django_db(transaction=True)
def test_concurrent_resends_queue_one_message():
    old = make_notification(status=Status.FAILED)

    errors = run_concurrently([partial(resend, old)] * 8)

    assert (errors, Notification.objects.filter(resend_of=old).count()) == ([], 1)


@pytest.mark.parametrize("status", sorted(set(Status) - set(Notification.RESENDABLE)))
def test_resend_refuses_a_message_that_did_not_fail(status):
    fields = {"lease_until": timezone.now(), "lease_token": "00000000-0000-0000-0000-000000000001"}
    old = make_notification(status=status, unknown_since=timezone.now(), **fields)

    with pytest.raises(NotResendable, match="Only messages that failed"):
        resend(old)
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNDELIVERED])
def test_resend_refuses_a_message_that_a_later_change_made_outdated(status):
    old = make_notification(status=status)
    confirm_booking(booking_id=old.booking_id, actor=DESK)

    with pytest.raises(NotResendable, match="A later change made it outdated"):
        resend(old)


def test_resend_refuses_an_accepted_message_that_became_undelivered_after_a_change():
    old = make_notification(status=Status.ACCEPTED, provider_id="SM1")
    cancel_booking(booking_id=old.booking_id, actor=DESK)
    Notification.objects.filter(pk=old.pk).update(status=Status.UNDELIVERED)

    with pytest.raises(NotResendable, match="A later change made it outdated"):
        resend(old)


def test_change_supersedes_a_resent_message():
    new = resend(make_notification(status=Status.FAILED))

    confirm_booking(booking_id=new.booking_id, actor=DESK)

    new.refresh_from_db()
    assert new.status == Status.SUPERSEDED


@pytest.mark.parametrize(("minutes", "is_current"), [(30, True), (-1, False)])
def test_resent_reminder_is_current_until_the_next_one_is_due(minutes, is_current):
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reminder = Notification.objects.get(kind="booking_reminder", channel="sms")
    expires_at = timezone.now() + timedelta(minutes=minutes)
    Notification.objects.filter(pk=reminder.pk).update(status=Status.DEAD, expires_at=expires_at)
    reminder.refresh_from_db()

    obstacle = obstacle_to_resend(reminder)

    assert obstacle == ("" if is_current else "It is too late for this message.")
    if is_current:
        assert resend(reminder).expires_at == expires_at


def test_resend_refuses_a_suppressed_address():
    old = make_notification(status=Status.FAILED)
    Suppression.objects.create(channel="sms", address=old.address, reason="opted_out", source="STOP")

    with pytest.raises(NotResendable, match="has opted out"):
        resend(old)


def test_resend_refuses_a_number_that_cannot_receive_sms():
    old = make_notification(status=Status.FAILED)
    old.booking.customer.phone = "+912222222222"
    old.booking.customer.save()

    with pytest.raises(NotResendable):
        resend(old)


@pytest.mark.django_db(transaction=True)
def test_refund_that_fails_supersedes_its_messages(sandbox):
    payment = make_captured_payment(sandbox)
    refund = refund_payment(payment_id=payment.pk, amount_minor=20_000, key=uuid4(), actor=DESK)
    sms, email = (Notification.objects.get(kind="refund_requested", channel=channel) for channel in ("sms", "email"))
    Notification.objects.filter(pk=email.pk).update(status=Status.ACCEPTED, provider_id="<1@example.com>")

    with transaction.atomic():
        payment = lock_payment(payment.pk)
        advance_refund(refund, Refund.State.FAILED, source="test")
        flag_failed_refund(payment, refund, source="test")

    sms.refresh_from_db()
    Notification.objects.filter(pk=email.pk).update(status=Status.UNDELIVERED)
    email.refresh_from_db()
    assert sms.status == Status.SUPERSEDED
    assert obstacle_to_resend(email) == "A later change made it outdated."


@pytest.mark.django_db(transaction=True)
def test_resent_refund_message_states_its_own_refund_until_that_is_processed(sandbox):
    payment = make_captured_payment(sandbox)
    for amount in (20_000, 10_000):
        refund_payment(payment_id=payment.pk, amount_minor=amount, key=uuid4(), actor=DESK)
    requested = Notification.objects.filter(kind="refund_requested", channel="email")
    requested.update(status=Status.FAILED)
    first, second = sorted(requested, key=lambda row: row.created_at)

    new = resend(first)
    run_due_tasks()

    new.refresh_from_db()
    assert ("200.00" in new.body, "100.00" in new.body) == (True, False)
    assert new.status == Status.SUPERSEDED
    with pytest.raises(NotResendable, match="outdated"):
        resend(second)


def test_resend_to_an_address_that_a_provider_did_not_know_lets_messages_to_it_resume():
    old = make_notification(channel="email", status=Status.FAILED)
    suppress(channel="email", address=old.address, reason=Suppression.Reason.UNREACHABLE, source="550")

    new = resend_notification(notification_id=old.pk, actor=DESK)

    assert new.status == Status.QUEUED
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("status", [Status.FAILED, Status.DEAD, Status.EXPIRED])
def test_message_that_seemed_to_have_failed_and_has_arrived_is_not_resent(status):
    old = make_notification(status=status)
    post_status_callback(old, "delivered")
    apply_receipts()

    with pytest.raises(NotResendable, match="arrived after all"):
        resend_notification(notification_id=old.pk, actor=DESK)


def test_resent_reminder_is_kept_when_the_settings_change_for_another_one():
    booking = make_booking(make_service(reminder_minutes=[2880, 60]), starts_at=slot(days=3))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reminders = Notification.objects.filter(kind="booking_reminder", channel="sms")
    old = reminders.earliest("planned_at")
    Notification.objects.filter(pk=old.pk).update(status=Status.FAILED)
    new = resend_notification(notification_id=old.pk, actor=DESK)
    booking.service.reminder_minutes = [2880, 90]
    booking.service.save()

    booking.refresh_from_db()
    replan_reminders(booking, revision=2)

    new.refresh_from_db()
    assert (new.status, new.planned_at) == (Status.QUEUED, old.planned_at)
    assert sorted(reminders.filter(status=Status.QUEUED).values_list("planned_at", flat=True)) == [
        booking.starts_at - timedelta(minutes=minutes) for minutes in (2880, 90)
    ]
