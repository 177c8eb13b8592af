"""Every path that books a slot. Each function returns access to the booking, or None if there is none."""

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

CUSTOMERS = 500  # requests with the same phone number or e-mail address wait for each other


@dataclass(frozen=True)
class Slot:
    """A slot of a resource. Clients with the same slot compete for it."""

    resource: int
    starts_at: datetime
    # The slot to reschedule from. It belongs to the next resource, and for the last resource to the first, so
    # reschedules deadlock unless they lock the resources in the same order.
    previous_resource: int
    previous_start: datetime

    @property
    def previous(self) -> Slot:
        return replace(self, resource=self.previous_resource, starts_at=self.previous_start)


@dataclass(frozen=True)
class Context:
    """What the paths need besides a client: the credentials of staff, and the simulated gateway."""

    staff: dict[str, str]
    desk_cookies: dict[str, str]
    desk_service: int
    rooms: list[int]
    sandbox: SandboxClient


BookingAccess = tuple[str, dict[str, str]] | None  # the id of a booking and the headers that authorize its changes
Path = Callable[[Client, Slot, Context], BookingAccess]


def book_any_resource(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _booking_access(client.book("any resource", _booking_input(client, "visit", slot, resource=None)))


def book_named_resource(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _book_named(client, "named resource", slot)


def book_with_room(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _booking_access(client.book("with room", _booking_input(client, "surgery", slot)))


def book_group(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _booking_access(
        client.book("group", _booking_input(client, "class", slot, party_size=client.rng.randint(1, 5)))
    )


def book_class_with_room(client: Client, slot: Slot, context: Context) -> BookingAccess:
    """Book places in a class by its teacher or by its room, which other services use, too."""
    resource = client.rng.choice([slot.resource, *context.rooms])
    return _book_workshop(client, "class with room", slot, resource)


def reschedule_class_with_room(client: Client, slot: Slot, context: Context) -> BookingAccess:
    """Reschedule from a class in one room to a class in another."""
    access = _book_workshop(client, "previous slot", slot.previous, context.rooms[0])
    if access:
        _reschedule(client, "class changes room", access, replace(slot, resource=context.rooms[1]))
    return access


def _book_workshop(client: Client, path: str, slot: Slot, resource: int) -> BookingAccess:
    body = _booking_input(client, "workshop", slot, resource=resource, party_size=client.rng.randint(1, 3))
    return _booking_access(client.book(path, body))


def book_and_decline(client: Client, slot: Slot, context: Context) -> BookingAccess:
    access = _book_named(client, "declined", slot)
    if access:
        client.send("decline", "PUT", f"/bookings/{access[0]}/decline", headers=context.staff)
    return None


def book_without_decision(client: Client, slot: Slot, context: Context) -> BookingAccess:
    """Request a booking and let its deadline pass. A background task or the next client for its slot expires it."""
    body = _booking_input(client, "course", slot, party_size=client.rng.randint(1, 5))
    access = _booking_access(client.book("unanswered", body))
    if access:
        _set_deadline_to_now("answer_by", access[0], "pending")
    return access


def book_and_confirm(client: Client, slot: Slot, context: Context) -> BookingAccess:
    access = _book_named(client, "confirmed", slot)
    if access:
        client.send("confirm", "PUT", f"/bookings/{access[0]}/confirm", headers=context.staff)
    return access


def book_and_reschedule(client: Client, slot: Slot, context: Context) -> BookingAccess:
    access = _book_named(client, "previous slot", slot.previous)
    if access:
        _reschedule(client, "rescheduled", access, slot)
    return access


def reschedule_session(client: Client, slot: Slot, context: Context) -> BookingAccess:
    """Reschedule between two sessions whose requests expire concurrently."""
    access = _booking_access(
        client.book("previous slot", _booking_input(client, "course", slot.previous, party_size=2))
    )
    if access:
        _reschedule(client, "session rescheduled", access, slot)
    return access


def reschedule_at_desk(client: Client, slot: Slot, context: Context) -> BookingAccess:
    access = _book_named(client, "previous slot", slot.previous)
    if access:
        form = {"starts_at": f"{slot.starts_at:%Y-%m-%dT%H:%M}", "resource": slot.resource}
        _submit_form(
            client, "desk reschedules", f"/admin/bookings/booking/{access[0]}/actions/reschedule/", form, context
        )
    return access


def _reschedule(client: Client, path: str, access: tuple[str, dict[str, str]], slot: Slot) -> None:
    body = {"starts_at": slot.starts_at.isoformat(), "resource": slot.resource}
    client.send(path, "PUT", f"/bookings/{access[0]}/reschedule", json=body, headers=access[1])


def book_at_desk(client: Client, slot: Slot, context: Context) -> BookingAccess:
    """Book as staff, who may choose any minute. The form redirects if it books, and otherwise responds with a page."""
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


def pay(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _checkout(client, _booking_input(client, "paid", slot), context, "paid", is_late=False)


def pay_late(client: Client, slot: Slot, context: Context) -> BookingAccess:
    return _checkout(client, _booking_input(client, "paid", slot), context, "paid late", is_late=True)


def pay_late_for_session(client: Client, slot: Slot, context: Context) -> BookingAccess:
    booking_input = _booking_input(client, "retreat", slot, party_size=client.rng.randint(1, 5))
    return _checkout(client, booking_input, context, "session paid late", is_late=True)


def _checkout(
    client: Client, booking_input: dict[str, Any], context: Context, path: str, *, is_late: bool
) -> BookingAccess:
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


def _set_deadline_to_now(field: str, booking_id: str, status: str) -> None:
    """Set the deadline of a booking to now; do nothing while the database is unavailable."""
    try:
        Booking.objects.filter(pk=booking_id, status=status).update(**{field: timezone.now()})
    except (DatabaseError, InterfaceError):
        connection.close()


PATHS: dict[str, Path] = {
    "any resource": book_any_resource,
    "named resource": book_named_resource,
    "with room": book_with_room,
    "group": book_group,
    "class with room": book_class_with_room,
    "class changes room": reschedule_class_with_room,
    "confirmed": book_and_confirm,
    "declined": book_and_decline,
    "unanswered": book_without_decision,
    "rescheduled": book_and_reschedule,
    "session rescheduled": reschedule_session,
    "desk": book_at_desk,
    "desk reschedules": reschedule_at_desk,
    "paid": pay,
    "paid late": pay_late,
    "session paid late": pay_late_for_session,
}


def cancel(client: Client, access: BookingAccess) -> None:
    """Cancel the booking, so that other clients can have the slot."""
    if access:
        client.send("cancel", "POST", f"/bookings/{access[0]}/cancel", headers=access[1])


def _book_named(client: Client, path: str, slot: Slot) -> BookingAccess:
    return _booking_access(client.book(path, _booking_input(client, "visit", slot)))


def _booking_input(client: Client, service: str, slot: Slot, **changes: Any) -> dict[str, Any]:
    booking_input = {
        "service": service,
        "resource": slot.resource,
        "starts_at": slot.starts_at.isoformat(),
        "customer": _customer(client),
    }
    return {**booking_input, **changes}


def customer_input(number: int, name: str) -> dict[str, str]:
    """Return a customer with a phone number and an e-mail address of their own."""
    return {"name": f"Meera Iyer {name}", "phone": f"+919812{number:06}", "email": f"meera{number}@example.com"}


def _customer(client: Client) -> dict[str, str]:
    name = str(client.rng.randrange(10**9))  # a person books only once at a time
    return customer_input(client.rng.randrange(CUSTOMERS), name)


def _booking_access(response: requests.Response) -> BookingAccess:
    if not response.ok:
        return None
    return response.json()["id"], {"X-Booking-Token": response.json()["manage_token"]}
