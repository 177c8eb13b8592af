"""Journeys of messages whose delivery is not straightforward."""

from __future__ import annotations

from collections.abc import Iterator

from bookings.operations import (
    confirm_booking,
    update_customer,
)
from notifications.models import Channel, Notification, Suppression
from notifications.operations.decide import Decision, decide_on_held
from notifications.operations.resend import resend_notification
from notifications.operations.suppressions import suppress
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    DESK,
    make_booking,
    make_service,
)
from tests.builders.clock import let_time_pass
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
    service = make_service(resources=2)
    for _ in range(2):
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
