"""Journeys of messages whose delivery is not straightforward."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from django.db.models.functions import Now

from bookings.operations import (
    cancel_booking,
    confirm_booking,
    update_customer,
)
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import MessageKind
from notifications.models import Channel, Notification, Suppression
from notifications.operations.decide import Decision, decide_on_held
from notifications.operations.resend import resend_notification
from notifications.operations.suppressions import suppress
from notifications.outbox import Cause, queue_messages
from notifications.providers.base import ProviderNotSent
from payments.operations.refund import refund_payment
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    DESK,
    make_booking,
    make_service,
)
from tests.builders.clock import let_time_pass
from tests.builders.payments import make_captured_payment
from tests.invariants.journeys.base import DAY, journey, work


@journey
def customer_with_a_new_address(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(reminder_minutes=[120]), actor=DESK)
    work()
    booking.customer.email = "new@example.com"
    update_customer(customer=booking.customer)
    yield


@journey
def opted_out(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking()
    work()
    suppress(channel=Channel.SMS, address=booking.customer.phone, reason=Suppression.Reason.OPTED_OUT, source="STOP")
    confirm_booking(booking_id=booking.pk, actor=DESK)
    yield
    work()
    assert Notification.objects.filter(channel="sms", status="skipped").exists()
    yield


@journey
def unknown_outcome(sandbox: RunningSandbox) -> Iterator[None]:
    make_booking()
    sandbox.client.set(error_after=1, callback_lost=1, list_error=1)
    work()
    assert Notification.objects.filter(status="unknown").exists()
    yield


@journey
def unknown_outcomes_decided(sandbox: RunningSandbox) -> Iterator[None]:
    service = make_service(resources=4)
    for _ in range(4):  # a pause of a channel can leave some of their messages unsent
        make_booking(service)
    sandbox.client.set(error_after=1, callback_lost=1, list_error=1)
    work()
    let_time_pass(DAY)
    work()
    yield
    sandbox.client.reset_settings()
    for held, decision in zip(Notification.objects.filter(status="held"), Decision, strict=False):
        decide_on_held(notification_id=held.pk, decision=decision, actor=DESK)
        yield
    assert Notification.objects.filter(error__contains="decided").count() == len(Decision)


@journey
def failed_messages_sent_again(sandbox: RunningSandbox) -> Iterator[None]:
    make_booking(actor=DESK)
    Notification.objects.update(status="failed")
    for failed in list(Notification.objects.all()):
        resend_notification(notification_id=failed.pk, actor=DESK)
    yield
    work()
    assert Notification.objects.exclude(resend_of=None).filter(status__in=["accepted", "delivered"]).count() == 3
    yield


@journey
def failed_refund_message_sent_again(sandbox: RunningSandbox) -> Iterator[None]:
    payment = make_captured_payment(sandbox)
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    Notification.objects.filter(kind="refund_requested").update(status="failed")
    for failed in list(Notification.objects.filter(kind="refund_requested")):
        resend_notification(notification_id=failed.pk, actor=DESK)
    yield


@journey
def reminder_in_flight_during_a_cancellation(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking(make_service(reminder_minutes=[120]), actor=DESK)
    work()
    let_time_pass(timedelta(hours=1))
    Notification.objects.filter(kind="booking_reminder").update(due_at=Now())
    reminders = claim_due_notifications(room=10, in_flight={}, worker="w")
    cancel_booking(booking_id=booking.pk, actor=DESK)
    failure = ProviderNotSent("451 greylisted", code="451")
    record_outcomes([Outcome(reminder, Notification.Status.QUEUED, error=failure) for reminder in reminders])
    assert Notification.objects.filter(kind="booking_reminder", status="queued").exists()
    yield


@journey
def message_behind_one_that_backs_off(sandbox: RunningSandbox) -> Iterator[None]:
    booking = make_booking()
    Notification.objects.update(due_at=Now() + timedelta(minutes=30))
    queue_messages(kind=MessageKind.PAYMENT_FAILED, booking=booking, cause=Cause("a failed payment"))
    Notification.objects.filter(kind="payment_failed").update(due_at=Now() - timedelta(minutes=6))
    yield


@journey
def customer_with_a_number_that_had_opted_out(sandbox: RunningSandbox) -> Iterator[None]:
    number = "+919812340077"
    suppress(channel=Channel.SMS, address=number, reason=Suppression.Reason.OPTED_OUT, source="STOP")
    let_time_pass(DAY)
    booking = make_booking()
    attempts = claim_due_notifications(room=10, in_flight={}, worker="w")
    failure = ProviderNotSent("451 greylisted", code="451")
    record_outcomes([Outcome(attempt, Notification.Status.QUEUED, error=failure, retry_in=60) for attempt in attempts])
    booking.customer.phone = number
    update_customer(customer=booking.customer)
    yield
