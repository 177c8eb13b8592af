"""Who may do what: every route, every method, everybody. The routes come from the URL map, so none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from knox.models import AuthToken

from bookings.operations import create_booking
from foundation.events import Actor, ActorKind
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_service, slot

pytestmark = pytest.mark.django_db

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
EVERYBODY = ["anonymous", "stranger", "token", "onlooker", "desk", "manager"]
REFUSED = 405

# For everybody in turn: nobody in particular, somebody with another booking's token, the booking's own token, staff
# without a permission, front desk, manager. A 400, 404 or 409 came past the guard: an empty body asks for nothing.
ALL_200, ALL_400, ALL_403 = [200] * 6, [400] * 6, [403] * 6
STAFF_MOVE = [401, 401, 401, 403, 200, 200]
DESK_PAGE = [302, 302, 302, 403, 200, 200]
MANAGERS_PAGE = [302, 302, 302, 403, 403, 200]
MATRIX: dict[str, dict[str, list[int]]] = {
    "": dict.fromkeys(METHODS, [302] * 6),  # on to the admin
    "services/": {"GET": ALL_200},
    "services/<slug:slug>/availability": {"GET": ALL_400},
    "bookings/": {"GET": [401, 200, 200, 403, 200, 200], "POST": ALL_400},
    "bookings/razorpay-booking": {"POST": ALL_400},
    "bookings/verify-payment": {"POST": ALL_400},
    "bookings/<uuid:booking_id>": {"GET": [404, 404, 200, 403, 200, 200]},
    "bookings/<uuid:booking_id>/confirm": {"PUT": STAFF_MOVE},
    "bookings/<uuid:booking_id>/decline": {"PUT": STAFF_MOVE},
    "bookings/<uuid:booking_id>/complete": {"PUT": [401, 401, 401, 403, 409, 409]},
    "bookings/<uuid:booking_id>/no-show": {"PUT": [401, 401, 401, 403, 409, 409]},
    "bookings/<uuid:booking_id>/cancel": {"POST": [404, 404, 200, 403, 200, 200]},
    "bookings/<uuid:booking_id>/reschedule": {"PUT": [404, 404, 400, 403, 400, 400]},
    "auth/token": {"POST": ALL_400, "DELETE": [401, 401, 401, 204, 204, 204]},
    "payments/razorpay/webhook": {"POST": ALL_400},
    "payments/reconciliation": {"GET": MANAGERS_PAGE},
    "payments/reconciliation/resolve": {"POST": [302, 302, 302, 403, 403, 302]},
    "payments/takings": {"GET": DESK_PAGE},
    "payments/takings.csv": {"GET": DESK_PAGE},
    "payments/desk/<uuid:booking_id>": {"GET": DESK_PAGE, "POST": DESK_PAGE},
    "payments/desk/slips/<uuid:desk_payment_id>/void": {"POST": [302, 302, 302, 403, 404, 404]},
    "payments/<int:payment_id>": {"GET": [302, 302, 302, 403, 404, 404]},
    "payments/<int:payment_id>/refund": {"POST": [302, 302, 302, 403, 403, 404]},
    "payments/<int:payment_id>/review": {"POST": [302, 302, 302, 403, 403, 404]},
    "notifications/": {"GET": MANAGERS_PAGE},
    "notifications/<uuid:notification_id>": {"GET": MANAGERS_PAGE},
    "notifications/<uuid:notification_id>/resolve": {"POST": [302, 302, 302, 403, 403, 302]},
    "notifications/twilio/status/<uuid:notification_id>/<uuid:attempt_id>": {"POST": ALL_403},
    "notifications/twilio/inbound": {"POST": ALL_403},
    "schema/": {"GET": ALL_200},
    "docs/": {"GET": ALL_200},
    "problems/": {"GET": ALL_200},
    "problems/<slug:name>": {"GET": ALL_200},
    "healthz": {"GET": ALL_200},
}


def routes(resolver: Any = None, prefix: str = "") -> Iterator[str]:
    for each in (resolver or get_resolver()).url_patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, path)
        else:
            yield path


ROUTES = [route for route in routes() if not route.startswith("admin/")]


class World:
    """One booking, and everybody who might want something of it."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        ours, theirs = (
            create_booking(
                service=make_service(slug=slug), starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
            )
            for slug in ("ours", "theirs")
        )
        self.values = {
            "booking_id": ours.booking.pk,
            "slug": ours.booking.service.slug,
            "payment_id": 1,
            "desk_payment_id": uuid4(),
            "notification_id": Notification.objects.filter(booking=ours.booking)[0].pk,
            "attempt_id": uuid4(),
            "name": "slot-taken",
        }
        self.tokens = {"stranger": theirs.manage_token, "token": ours.manage_token}
        self.staff = {
            "onlooker": make_staff("onlooker", group=None),
            "desk": make_staff("desk"),
            "manager": make_staff("manager", group="Managers"),
        }

    def path(self, route: str) -> str:
        def value(part: re.Match[str]) -> str:
            return str(self.values[part[1]])

        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, route)

    def ask(self, who: str, method: str, path: str) -> Any:
        """Ask with all that somebody has: a token, or both ways of being signed in. Nothing of it stays."""
        self.client.cookies.clear()
        headers: dict[Any, Any] = {"X-Booking-Token": self.tokens[who]} if who in self.tokens else {}
        body: dict[str, Any] = {} if method == "GET" else {"data": b"{}", "content_type": "application/json"}
        with transaction.atomic():
            if who in self.staff:
                self.client.force_login(self.staff[who])
                _, bearer = AuthToken.objects.create(self.staff[who])
                headers["Authorization"] = f"Bearer {bearer}"
            ask: Any = self.client.generic
            answer = ask(method, path, headers=headers, **body)
            transaction.set_rollback(True)
        return answer


@pytest.fixture
def world():
    return World()


def test_every_route_is_in_the_matrix_and_the_matrix_has_no_other():
    assert sorted(ROUTES) == sorted(MATRIX)


@pytest.mark.parametrize("route", ROUTES)
def test_everybody_gets_what_is_theirs_and_nobody_more(world, route):
    path = world.path(route)

    answers = {method: [world.ask(who, method, path).status_code for who in EVERYBODY] for method in METHODS}

    expected = MATRIX.get(route, {})
    for method, statuses in answers.items():
        if method in expected:
            assert statuses == expected[method], method
        else:  # what a route does not do it does for nobody; a page's guard says no before that is known
            assert all(status in (REFUSED, 403, 302) for status in statuses), (method, statuses)
            assert REFUSED in statuses, (method, statuses)


def test_a_session_of_the_admin_opens_nothing_of_the_api(world):
    """Otherwise every page of somebody else's could book and cancel with the desk's cookie."""
    client = Client(raise_request_exception=False)
    client.force_login(world.staff["manager"])

    answers = [
        client.put(world.path("bookings/<uuid:booking_id>/confirm")),
        client.get("/bookings/"),
        client.get(world.path("bookings/<uuid:booking_id>")),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 404]


# --- the admin ---

# What the groups may do with each model there; only a superuser does more. Models that are not here have no page.
SEEN, KEPT = {"look"}, {"look", "add", "change"}
ADMIN: dict[str, tuple[set[str], set[str]]] = {  # front desk, managers
    "auth/group": (set(), set()),
    "auth/user": (set(), set()),
    "bookings/booking": (SEEN | {"add"}, SEEN | {"add"}),
    "bookings/category": (SEEN, KEPT),
    "bookings/customer": (SEEN | {"change"}, SEEN | {"change"}),
    "bookings/location": (SEEN, KEPT),
    "bookings/resource": (SEEN, KEPT),
    "bookings/scheduleexception": (SEEN, KEPT | {"delete"}),
    "bookings/service": (SEEN, KEPT),
    "bookings/session": (SEEN, SEEN),
    "payments/deskpayment": (SEEN, SEEN),
    "payments/discrepancy": (set(), SEEN),
    "payments/gatewayevent": (set(), SEEN),
    "payments/payment": (SEEN, SEEN),
    "payments/paymentorder": (SEEN, SEEN),
    "payments/refund": (SEEN, SEEN),
}
PAGES = {  # what has to be allowed to open a page, and to send its form
    "": ("look", "look"),
    "add/": ("add", "add"),
    "<path:object_id>/change/": ("look", "change"),
    "<path:object_id>/delete/": ("delete", "delete"),
    "<path:object_id>/history/": ("look", "look"),
}
# What every member of staff may open: it shows nothing of anybody's. The buttons have tests of their own.
FOR_ALL_STAFF = [
    "admin/",
    "admin/login/",
    "admin/logout/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/autocomplete/",
    "admin/jsi18n/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
    "admin/auth/user/<id>/password/",
    r"admin/bookings/booking/^(?P<pk>.+)/actions/(?P<tool>\w+)/$",
    r"admin/bookings/booking/^actions/(?P<tool>\w+)/$",
    "admin/^(?P<app_label>auth|bookings|payments)/$",
    "admin/(?P<url>.*)$",
]
ADMIN_ROUTES = [f"admin/{model}/{page}" for model in ADMIN for page in PAGES]


def test_every_route_of_the_admin_is_known_too():
    redirects = {f"admin/{model}/<path:object_id>/" for model in ADMIN}  # on to the change page

    assert {route for route in routes() if route.startswith("admin/")} == {*ADMIN_ROUTES, *FOR_ALL_STAFF, *redirects}


@pytest.mark.parametrize("route", ADMIN_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_everybody_opens_and_sends_in_the_admin_what_is_theirs(world, route, method):
    app, model, page = route.removeprefix("admin/").split("/", 2)
    needed = PAGES[page][method == "POST"]
    path = "/" + route.replace("<path:object_id>", "0")  # there is none: whoever may is led on, the others are refused

    answers = {who: world.ask(who, method, path) for who in EVERYBODY}

    for who in ("anonymous", "stranger", "token"):
        assert answers[who].headers["Location"].startswith("/admin/login/")
    may = dict(zip(("desk", "manager"), ADMIN[f"{app}/{model}"], strict=True)) | {"onlooker": set()}
    if page.endswith("history/"):  # Django leads on from what does not exist before it asks who is there
        assert {answers[who].status_code for who in may} == {302}
    else:
        assert {who: answers[who].status_code == 403 for who in may} == {who: needed not in may[who] for who in may}


@pytest.mark.parametrize("route", [*ROUTES, *ADMIN_ROUTES])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_no_method_breaks_a_route(world, route, method):
    path = world.path(route.replace("<path:object_id>", "0"))

    statuses = [world.ask(who, method, path).status_code for who in EVERYBODY]

    assert max(statuses) < 500
