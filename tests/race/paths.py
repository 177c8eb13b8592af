"""Every path by which somebody comes to have a slot. Each leaves a booking, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import requests
from django.db import DatabaseError, InterfaceError, connection

from sandbox.client import SandboxClient
from tests.race.client import Client

CUSTOMER = {"name": "Meera Iyer", "phone": "+919812340003", "email": "meera@example.com"}


@dataclass(frozen=True)
class Slot:
    """A time of somebody's; two clients who are given the same one want it from each other."""

    resource: int
    starts_at: datetime
    # Where whoever moves comes from: the next one's, and the last's is the first one's, so moves wait in a circle if
    # they do not lock in one order.
    other_resource: int
    other_start: datetime


@dataclass(frozen=True)
class Ways:
    """What the paths need beside a client: who staff are, and the gateway."""

    staff: dict[str, str]
    desk_cookies: dict[str, str]
    desk_service: int
    sandbox: SandboxClient


Taken = tuple[str, dict[str, str]] | None  # a booking's id, and the headers that open it
Path = Callable[[Client, Slot, Ways], Taken]


def anybody(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("anybody", _wish("visit", slot, resource=None)))


def named(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("named", _wish("visit", slot)))


def with_room(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("with_room", _wish("surgery", slot)))


def group(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("group", _wish("class", slot, party_size=client.dice.randint(1, 5))))


def confirmed(client: Client, slot: Slot, ways: Ways) -> Taken:
    taken = named(client, slot, ways)
    if taken:
        client.send("confirm", "PUT", f"/bookings/{taken[0]}/confirm", headers=ways.staff)
    return taken


def moved(client: Client, slot: Slot, ways: Ways) -> Taken:
    elsewhere = replace(slot, resource=slot.other_resource, starts_at=slot.other_start)
    taken = named(client, elsewhere, ways)
    if taken:
        body = {"starts_at": slot.starts_at.isoformat(), "resource": slot.resource}
        client.send("reschedule", "PUT", f"/bookings/{taken[0]}/reschedule", json=body, headers=taken[1])
    return taken


def at_the_desk(client: Client, slot: Slot, ways: Ways) -> Taken:
    """Staff pick any minute, and their form says no with a page."""
    starts_at = slot.starts_at + timedelta(minutes=client.dice.choice([0, 0, 7, -11]))
    form = {"service": ways.desk_service, "starts_at": f"{starts_at:%Y-%m-%dT%H:%M}", "resource": slot.resource,
            "party_size": 1, **CUSTOMER}  # fmt: skip
    answer = client.send(
        "desk", "POST", "/admin/bookings/booking/add/", data=form, cookies=ways.desk_cookies, allow_redirects=False,
        headers={"X-CSRFToken": ways.desk_cookies["csrftoken"]},
    )  # fmt: skip
    if answer.status_code != 302:
        return None
    return answer.headers["Location"].split("/")[-3], ways.staff


def paid(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _checkout(client, slot, ways, "paid", is_late=False)


def paid_late(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _checkout(client, slot, ways, "paid_late", is_late=True)


def _checkout(client: Client, slot: Slot, ways: Ways, path: str, *, is_late: bool) -> Taken:
    answer = client.book(path, _wish("paid", slot), url="/bookings/razorpay-booking")
    if not answer.ok:
        return None
    booking, checkout = answer.json()["booking"], answer.json()["checkout"]
    if is_late:
        _let_lapse(booking["id"])
        time.sleep(client.dice.uniform(0, 0.1))  # for the others
    proof = ways.sandbox.pay(checkout["order_id"])
    client.send(f"{path}: verify", "POST", "/bookings/verify-payment", json=proof)
    return booking["id"], {"X-Booking-Token": booking["manage_token"]}


def _let_lapse(booking_id: str) -> None:
    """Move the clock to the hold's end; a database that is away leaves the payer in time."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bookings_booking SET hold_expires_at = now() WHERE id = %s AND status = 'held'",
                           [booking_id])  # fmt: skip
    except (DatabaseError, InterfaceError):
        connection.close()


PATHS: dict[str, Path] = {
    "anybody": anybody, "named": named, "with room": with_room, "group": group, "confirmed": confirmed, "moved": moved,
    "desk": at_the_desk, "paid": paid, "paid late": paid_late,
}  # fmt: skip


def give_back(client: Client, taken: Taken) -> None:
    """Cancel, so that others can have the slot."""
    if taken:
        client.send("cancel", "POST", f"/bookings/{taken[0]}/cancel", headers=taken[1])


def _wish(service: str, slot: Slot, **changes: Any) -> dict[str, Any]:
    wish = {
        "service": service,
        "resource": slot.resource,
        "starts_at": slot.starts_at.isoformat(),
        "customer": CUSTOMER,
    }
    return {**wish, **changes}


def _opened(answer: requests.Response) -> Taken:
    if not answer.ok:
        return None
    return answer.json()["id"], {"X-Booking-Token": answer.json()["manage_token"]}
