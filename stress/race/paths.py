"""Every path by which somebody comes to have a slot. Each leaves a booking, or nothing."""

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
NUMBERS = 500  # of customers: two who are the same person wait for each other at that person's row


@dataclass(frozen=True)
class Slot:
    """A time of somebody's; two clients who are given the same one want it from each other."""

    resource: int
    starts_at: datetime
    # Where whoever moves comes from: the next one's, and the last's is the first one's, so moves wait in a circle if
    # they do not lock in one order.
    other_resource: int
    other_start: datetime

    @property
    def elsewhere(self) -> Slot:
        return replace(self, resource=self.other_resource, starts_at=self.other_start)


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
    return _opened(client.book("anybody", _wish(client, "visit", slot, resource=None)))


def named(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _ask_for(client, "named", slot)


def with_room(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("with room", _wish(client, "surgery", slot)))


def group(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _opened(client.book("group", _wish(client, "class", slot, party_size=client.dice.randint(1, 5))))


def declined(client: Client, slot: Slot, ways: Ways) -> Taken:
    taken = _ask_for(client, "declined", slot)
    if taken:
        client.send("decline", "PUT", f"/bookings/{taken[0]}/decline", headers=ways.staff)
    return None


def unanswered(client: Client, slot: Slot, ways: Ways) -> Taken:
    """A request that nobody answers: the sweep gives it up, or whoever wants its time."""
    body = _wish(client, "course", slot, party_size=client.dice.randint(1, 5))
    taken = _opened(client.book("unanswered", body))
    if taken:
        _let_time_pass("answer_by", taken[0], "pending")
    return taken


def confirmed(client: Client, slot: Slot, ways: Ways) -> Taken:
    taken = _ask_for(client, "confirmed", slot)
    if taken:
        client.send("confirm", "PUT", f"/bookings/{taken[0]}/confirm", headers=ways.staff)
    return taken


def moved(client: Client, slot: Slot, ways: Ways) -> Taken:
    taken = _ask_for(client, "elsewhere", slot.elsewhere)
    if taken:
        _move(client, "moved", taken, slot)
    return taken


def class_moved(client: Client, slot: Slot, ways: Ways) -> Taken:
    """Between two classes of requests, which the sweep gives up meanwhile."""
    taken = _opened(client.book("elsewhere", _wish(client, "course", slot.elsewhere, party_size=2)))
    if taken:
        _move(client, "class moved", taken, slot)
    return taken


def moved_by_the_desk(client: Client, slot: Slot, ways: Ways) -> Taken:
    taken = _ask_for(client, "elsewhere", slot.elsewhere)
    if taken:
        form = {"starts_at": f"{slot.starts_at:%Y-%m-%dT%H:%M}", "resource": slot.resource}
        _fill_in(client, "desk moves", f"/admin/bookings/booking/{taken[0]}/actions/reschedule/", form, ways)
    return taken


def _move(client: Client, path: str, taken: tuple[str, dict[str, str]], slot: Slot) -> None:
    body = {"starts_at": slot.starts_at.isoformat(), "resource": slot.resource}
    client.send(path, "PUT", f"/bookings/{taken[0]}/reschedule", json=body, headers=taken[1])


def at_the_desk(client: Client, slot: Slot, ways: Ways) -> Taken:
    """Staff pick any minute, and their form says no with a page."""
    starts_at = slot.starts_at + timedelta(minutes=client.dice.choice([0, 0, 7, -11]))
    form = {
        "service": ways.desk_service,
        "starts_at": f"{starts_at:%Y-%m-%dT%H:%M}",
        "resource": slot.resource,
        "party_size": 1,
        **_somebody(client),
    }
    answer = _fill_in(client, "desk", "/admin/bookings/booking/add/", {"key": str(uuid4()), **form}, ways)
    if answer.status_code != 302:
        return None
    return answer.headers["Location"].split("/")[-3], ways.staff


def _fill_in(client: Client, path: str, url: str, form: dict[str, Any], ways: Ways) -> requests.Response:
    return client.send(
        path,
        "POST",
        url,
        data=form,
        cookies=ways.desk_cookies,
        allow_redirects=False,
        headers={"X-CSRFToken": ways.desk_cookies["csrftoken"]},
    )


def paid(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _checkout(client, _wish(client, "paid", slot), ways, "paid", is_late=False)


def paid_late(client: Client, slot: Slot, ways: Ways) -> Taken:
    return _checkout(client, _wish(client, "paid", slot), ways, "paid late", is_late=True)


def class_paid_late(client: Client, slot: Slot, ways: Ways) -> Taken:
    wish = _wish(client, "retreat", slot, party_size=client.dice.randint(1, 5))
    return _checkout(client, wish, ways, "class paid late", is_late=True)


def _checkout(client: Client, wish: dict[str, Any], ways: Ways, path: str, *, is_late: bool) -> Taken:
    answer = client.book(f"{path}: hold", wish, url="/bookings/razorpay-booking")
    if not answer.ok:
        return None
    booking, checkout = answer.json()["booking"], answer.json()["checkout"]
    if is_late:
        _let_time_pass("hold_expires_at", booking["id"], "held")
        time.sleep(client.dice.uniform(0, 0.1))  # for the others
    proof = ways.sandbox.pay(checkout["order_id"])
    client.send(path, "POST", "/bookings/verify-payment", json=proof)
    return booking["id"], {"X-Booking-Token": booking["manage_token"]}


def _let_time_pass(until: str, booking_id: str, status: str) -> None:
    """Move the clock to an end; a database that is away leaves everybody in time."""
    try:
        Booking.objects.filter(pk=booking_id, status=status).update(**{until: timezone.now()})
    except (DatabaseError, InterfaceError):
        connection.close()


PATHS: dict[str, Path] = {
    "anybody": anybody,
    "named": named,
    "with room": with_room,
    "group": group,
    "confirmed": confirmed,
    "declined": declined,
    "unanswered": unanswered,
    "moved": moved,
    "class moved": class_moved,
    "desk": at_the_desk,
    "desk moves": moved_by_the_desk,
    "paid": paid,
    "paid late": paid_late,
    "class paid late": class_paid_late,
}


def give_back(client: Client, taken: Taken) -> None:
    """Cancel, so that others can have the slot."""
    if taken:
        client.send("cancel", "POST", f"/bookings/{taken[0]}/cancel", headers=taken[1])


def _ask_for(client: Client, path: str, slot: Slot) -> Taken:
    return _opened(client.book(path, _wish(client, "visit", slot)))


def _wish(client: Client, service: str, slot: Slot, **changes: Any) -> dict[str, Any]:
    wish = {
        "service": service,
        "resource": slot.resource,
        "starts_at": slot.starts_at.isoformat(),
        "customer": _somebody(client),
    }
    return {**wish, **changes}


def _somebody(client: Client) -> dict[str, str]:
    return {**CUSTOMER, "phone": f"+919812{client.dice.randrange(NUMBERS):06}"}


def _opened(answer: requests.Response) -> Taken:
    if not answer.ok:
        return None
    return answer.json()["id"], {"X-Booking-Token": answer.json()["manage_token"]}
