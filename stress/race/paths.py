"""Every path that books a slot. Each leaves a booking, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from bookings.models import Booking
from sandbox.client import SandboxClient
from stress.race.client import Client

CUSTOMER = {"name": "Meera Iyer", "phone": "+919812340003", "email": "meera@example.com"}
NUMBERS = 500  # of customers: requests of one customer wait for each other on that customer's row


@dataclass(frozen=True)
class Slot:
    """A slot of a resource. Two clients with the same slot compete for it."""

    resource: int
    starts_at: datetime
    # The slot from which a client reschedules: that of the next resource, and for the last, of the first. So
    # reschedules wait in a circle unless they lock in one order.
    previous_resource: int
    previous_start: datetime

    @property
    def previous(self) -> Slot:
        return replace(self, resource=self.previous_resource, starts_at=self.previous_start)


@dataclass(frozen=True)
class Context:
    """What the paths need besides a client: the credentials of staff, and the gateway."""

    staff: dict[str, str]
    desk_cookies: dict[str, str]
    desk_service: int
    sandbox: SandboxClient


Booked = tuple[str, dict[str, str]] | None  # the id of a booking, and the headers that give access to it
Path = Callable[[Client, Slot, Context], Booked]


def any_resource(client: Client, slot: Slot, context: Context) -> Booked:
    return _booked(client.book("any resource", _booking_input(client, "visit", slot, resource=None)))


def named_resource(client: Client, slot: Slot, context: Context) -> Booked:
    return _book_named(client, "named resource", slot)


def with_room(client: Client, slot: Slot, context: Context) -> Booked:
    return _booked(client.book("with room", _booking_input(client, "surgery", slot)))


def group(client: Client, slot: Slot, context: Context) -> Booked:
    return _booked(client.book("group", _booking_input(client, "class", slot, party_size=client.rng.randint(1, 5))))


def declined(client: Client, slot: Slot, context: Context) -> Booked:
    booked = _book_named(client, "declined", slot)
    if booked:
        client.send("decline", "PUT", f"/bookings/{booked[0]}/decline", headers=context.staff)
    return None


def unanswered(client: Client, slot: Slot, context: Context) -> Booked:
    """A request without a decision. The background task expires it, or the next client that wants its slot."""
    body = _booking_input(client, "course", slot, party_size=client.rng.randint(1, 5))
    booked = _booked(client.book("unanswered", body))
    if booked:
        _set_deadline_to_now("answer_by", booked[0], "pending")
    return booked


def confirmed(client: Client, slot: Slot, context: Context) -> Booked:
    booked = _book_named(client, "confirmed", slot)
    if booked:
        client.send("confirm", "PUT", f"/bookings/{booked[0]}/confirm", headers=context.staff)
    return booked


def rescheduled(client: Client, slot: Slot, context: Context) -> Booked:
    booked = _book_named(client, "previous slot", slot.previous)
    if booked:
        _reschedule(client, "rescheduled", booked, slot)
    return booked


def session_rescheduled(client: Client, slot: Slot, context: Context) -> Booked:
    """Reschedule between two sessions of requests, which expire meanwhile."""
    booked = _booked(client.book("previous slot", _booking_input(client, "course", slot.previous, party_size=2)))
    if booked:
        _reschedule(client, "session rescheduled", booked, slot)
    return booked


def rescheduled_by_desk(client: Client, slot: Slot, context: Context) -> Booked:
    booked = _book_named(client, "previous slot", slot.previous)
    if booked:
        form = {"starts_at": f"{slot.starts_at:%Y-%m-%dT%H:%M}", "resource": slot.resource}
        _submit_form(
            client, "desk reschedules", f"/admin/bookings/booking/{booked[0]}/actions/reschedule/", form, context
        )
    return booked


def _reschedule(client: Client, path: str, booked: tuple[str, dict[str, str]], slot: Slot) -> None:
    body = {"starts_at": slot.starts_at.isoformat(), "resource": slot.resource}
    client.send(path, "PUT", f"/bookings/{booked[0]}/reschedule", json=body, headers=booked[1])


def booked_by_desk(client: Client, slot: Slot, context: Context) -> Booked:
    """Staff may choose any minute; their form refuses with a page."""
    starts_at = slot.starts_at + timedelta(minutes=client.rng.choice([0, 0, 7, -11]))
    form = {
        "service": context.desk_service,
        "starts_at": f"{starts_at:%Y-%m-%dT%H:%M}",
        "resource": slot.resource,
        "party_size": 1,
        **_customer(client),
    }
    response = _submit_form(client, "desk", "/admin/bookings/booking/add/", {"key": str(uuid4()), **form}, context)
    if response.status_code != 302:
        return None
    return response.headers["Location"].split("/")[-3], context.staff


def _submit_form(client: Client, path: str, url: str, form: dict[str, Any], context: Context) -> requests.Response:
    return client.send(
        path,
        "POST",
        url,
        data=form,
        cookies=context.desk_cookies,
        allow_redirects=False,
        headers={"X-CSRFToken": context.desk_cookies["csrftoken"]},
    )


def paid(client: Client, slot: Slot, context: Context) -> Booked:
    return _checkout(client, _booking_input(client, "paid", slot), context, "paid", is_late=False)


def paid_late(client: Client, slot: Slot, context: Context) -> Booked:
    return _checkout(client, _booking_input(client, "paid", slot), context, "paid late", is_late=True)


def session_paid_late(client: Client, slot: Slot, context: Context) -> Booked:
    booking_input = _booking_input(client, "retreat", slot, party_size=client.rng.randint(1, 5))
    return _checkout(client, booking_input, context, "session paid late", is_late=True)


def _checkout(client: Client, booking_input: dict[str, Any], context: Context, path: str, *, is_late: bool) -> Booked:
    response = client.book(f"{path}: hold", booking_input, url="/bookings/razorpay-booking")
    if not response.ok:
        return None
    booking, checkout = response.json()["booking"], response.json()["checkout"]
    if is_late:
        _set_deadline_to_now("hold_expires_at", booking["id"], "held")
        time.sleep(client.rng.uniform(0, 0.1))  # so that other clients can book the slot
    signed_payment = context.sandbox.pay(checkout["order_id"])
    client.send(path, "POST", "/bookings/verify-payment", json=signed_payment)
    return booking["id"], {"X-Booking-Token": booking["manage_token"]}


def _set_deadline_to_now(until: str, booking_id: str, status: str) -> None:
    """Let the deadline of a booking pass; leave it as it is while the database is unavailable."""
    try:
        Booking.objects.filter(pk=booking_id, status=status).update(**{until: timezone.now()})
    except (DatabaseError, InterfaceError):
        connection.close()


PATHS: dict[str, Path] = {
    "any resource": any_resource,
    "named resource": named_resource,
    "with room": with_room,
    "group": group,
    "confirmed": confirmed,
    "declined": declined,
    "unanswered": unanswered,
    "rescheduled": rescheduled,
    "session rescheduled": session_rescheduled,
    "desk": booked_by_desk,
    "desk reschedules": rescheduled_by_desk,
    "paid": paid,
    "paid late": paid_late,
    "session paid late": session_paid_late,
}


def cancel(client: Client, booked: Booked) -> None:
    """Cancel the booking, so that other clients can have the slot."""
    if booked:
        client.send("cancel", "POST", f"/bookings/{booked[0]}/cancel", headers=booked[1])


def _book_named(client: Client, path: str, slot: Slot) -> Booked:
    return _booked(client.book(path, _booking_input(client, "visit", slot)))


def _booking_input(client: Client, service: str, slot: Slot, **changes: Any) -> dict[str, Any]:
    booking_input = {
        "service": service,
        "resource": slot.resource,
        "starts_at": slot.starts_at.isoformat(),
        "customer": _customer(client),
    }
    return {**booking_input, **changes}


def _customer(client: Client) -> dict[str, str]:
    return {**CUSTOMER, "phone": f"+919812{client.rng.randrange(NUMBERS):06}"}


def _booked(response: requests.Response) -> Booked:
    if not response.ok:
        return None
    return response.json()["id"], {"X-Booking-Token": response.json()["manage_token"]}
