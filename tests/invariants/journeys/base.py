"""What journeys have in common: how they are registered, how a worker works, how time passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db.models.functions import Now

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from notifications.models import Notification
from payments.models import Payment
from payments.operations.review import ReviewDecision, decide_review
from sandbox.process import RunningSandbox
from tests.builders.bookings import DESK, make_paid_service
from tests.builders.notifications import deliver_all
from tests.builders.payments import checkout, verify

Journey = Callable[[RunningSandbox], Iterator[None]]

DAY = timedelta(days=1, minutes=7, seconds=13)  # with odd parts, so that moved rows never get the times of others


JOURNEYS: list[Journey] = []


def journey(steps: Journey) -> Journey:
    """Add a journey to the ones in which every invariant holds."""
    JOURNEYS.append(steps)
    return steps


def work() -> None:
    """Do what a worker does until nothing is due, for a few seconds at most."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        while run_due_tasks():
            pass
        deliver_all(0.2)
        if not Notification.objects.filter(status=Notification.Status.QUEUED, due_at__lte=Now()).exists():
            return


def status_of(booking: Booking) -> str:
    """Return the current status."""
    booking.refresh_from_db()
    return booking.status


def pay(sandbox: RunningSandbox, **service: object) -> Booking:
    """Book a service and pay for it."""
    new_checkout = checkout(make_paid_service(**service))
    verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))
    work()
    booking: Booking = new_checkout.new_booking.booking
    return booking


def decide(decision: ReviewDecision) -> None:
    """Decide on the payment that needs review."""
    payment = Payment.objects.get(disposition="review")
    decide_review(payment_id=payment.pk, decision=decision, note="Seen.", actor=DESK)
    work()
