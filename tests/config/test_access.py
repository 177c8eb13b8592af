"""The access matrix: the status by route, method and identity. The routes come from the URLconf, so none is missing."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client, RequestFactory
from rest_framework.views import APIView

from accounts.callers import UNKNOWN_CALLER, Caller
from accounts.operations import create_service_token, create_staff_token
from bookings.operations import create_booking
from foundation.events import Actor, ActorKind
from foundation.http.error_pages import is_api_path
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, make_service, slot
from tests.builders.routes import routes, views_by_route

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
IDENTITIES = [
    "anonymous",
    "other_token",
    "token",
    "service_token",
    "other_service_token",
    "no_permission",
    "desk",
    "manager",
]
ANYONE = IDENTITIES[:5]  # without a staff account
METHOD_NOT_ALLOWED = 405

# The status for each identity: anonymous, the token of another booking, the booking's own token, the service token that
# created the booking, another service token, staff without a permission, front desk, manager.
# With a 400 or 409, and for staff a 404, the request passed the access check: its body
# is empty, the transition is invalid, or the row does not exist. (The webhook responds 400 to an invalid signature.)
ALL_200, ALL_400, ALL_403 = [200] * 8, [400] * 8, [403] * 8
STAFF_TRANSITION = [401, 401, 401, 403, 403, 403, 200, 200]
STAFF_PAGE = [302, 302, 302, 302, 302, 200, 200, 200]
DESK_PAGE = [302, 302, 302, 302, 302, 403, 200, 200]
MANAGER_PAGE = [302, 302, 302, 302, 302, 403, 403, 200]
MATRIX: dict[str, dict[str, list[int]]] = {
    "": dict.fromkeys(METHODS, [302] * 8),  # redirects to the admin
    "services/": {"GET": ALL_200},
    "services/<slug:slug>/availability": {"GET": ALL_400},
    "bookings/": {"GET": [401, 200, 200, 200, 200, 403, 200, 200], "POST": [400, 400, 400, 400, 400, 403, 400, 400]},
    "bookings/razorpay-booking": {"POST": ALL_400},
    "bookings/verify-payment": {"POST": ALL_400},
    "bookings/<uuid:booking_id>": {"GET": [404, 404, 200, 200, 404, 403, 200, 200]},
    "bookings/<uuid:booking_id>/checkout": {"GET": [404, 404, 409, 409, 404, 403, 409, 409]},
    "bookings/<uuid:booking_id>/confirm": {"PUT": STAFF_TRANSITION},
    "bookings/<uuid:booking_id>/decline": {"PUT": STAFF_TRANSITION},
    "bookings/<uuid:booking_id>/complete": {"PUT": [401, 401, 401, 403, 403, 403, 409, 409]},
    "bookings/<uuid:booking_id>/no-show": {"PUT": [401, 401, 401, 403, 403, 403, 409, 409]},
    "bookings/<uuid:booking_id>/cancel": {"POST": [404, 404, 200, 200, 404, 403, 200, 200]},
    "bookings/<uuid:booking_id>/reschedule": {"PUT": [404, 404, 400, 400, 404, 403, 400, 400]},
    "auth/token": {"POST": ALL_400, "DELETE": [401, 401, 401, 403, 403, 204, 204, 204]},
    "account/": {"GET": STAFF_PAGE},
    "account/second-factor": {"GET": STAFF_PAGE, "POST": STAFF_PAGE},
    "account/end/<uuid:sign_in_id>": {"POST": [302] * 8},
    "account/sign-out-everywhere": {"POST": [302] * 8},
    "payments/razorpay/webhook": {"POST": ALL_400},
    "payments/reconciliation": {"GET": MANAGER_PAGE},
    "payments/reconciliation/resolve": {"POST": [302, 302, 302, 302, 302, 403, 403, 302]},
    "payments/takings": {"GET": DESK_PAGE},
    "payments/takings.csv": {"GET": DESK_PAGE},
    "payments/desk/<uuid:booking_id>": {"GET": DESK_PAGE, "POST": DESK_PAGE},
    "payments/desk/slips/<uuid:desk_payment_id>/void": {"POST": [302, 302, 302, 302, 302, 403, 404, 404]},
    "payments/<int:payment_id>": {"GET": [302, 302, 302, 302, 302, 403, 404, 404]},
    "payments/<int:payment_id>/refund": {"POST": [302, 302, 302, 302, 302, 403, 403, 404]},
    "payments/<int:payment_id>/review": {"POST": [302, 302, 302, 302, 302, 403, 403, 404]},
    "notifications/": {"GET": MANAGER_PAGE},
    "notifications/<uuid:notification_id>": {"GET": MANAGER_PAGE},
    "notifications/resend": {"POST": [302, 302, 302, 302, 302, 403, 403, 302]},
    "notifications/<uuid:notification_id>/resend": {"POST": [302, 302, 302, 302, 302, 403, 403, 302]},
    "notifications/<uuid:notification_id>/resolve": {"POST": [302, 302, 302, 302, 302, 403, 403, 302]},
    "notifications/twilio/status/<uuid:notification_id>/<uuid:attempt_id>": {"POST": ALL_403},
    "notifications/twilio/inbound": {"POST": ALL_403},
    "schema/": {"GET": ALL_200},
    "docs/": {"GET": ALL_200},
    "problems/": {"GET": ALL_200},
    "problems/<slug:name>": {"GET": ALL_200},
    "healthz": {"GET": ALL_200},
}


ROUTES = [route for route in routes() if not route.startswith("admin/")]


HOST = "host.example"


class World:
    """Two bookings, and the credentials of each identity."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        website, kiosk = (create_service_token(name=name) for name in ("Website", "Kiosk"))
        self.service_tokens = {"service_token": website.token, "other_service_token": kiosk.token}
        own, other = (
            create_booking(
                service=make_service(slug=slug),
                starts_at=slot(),
                customer=CUSTOMER,
                actor=Actor(ActorKind.CUSTOMER),
                caller=caller,
            )
            for slug, caller in (("own", Caller(service_token=website.row)), ("other", UNKNOWN_CALLER))
        )
        self.rows = {
            "accounts/servicetoken": website.row.pk,
            "bookings/booking": own.booking.pk,
            "bookings/customer": own.booking.customer_id,
        }
        self.values = {
            "booking_id": own.booking.pk,
            "slug": own.booking.service.slug,
            "payment_id": 1,
            "desk_payment_id": uuid4(),
            "notification_id": Notification.objects.filter(booking=own.booking)[0].pk,
            "attempt_id": uuid4(),
            "sign_in_id": uuid4(),
            "name": "slot-taken",
        }
        self.tokens = {"other_token": other.manage_token, "token": own.manage_token}
        self.staff = {
            "no_permission": make_staff("no_permission", group=None),
            "desk": make_staff("desk"),
            "manager": make_staff("manager", group="Managers"),
        }

    def path(self, route: str) -> str:
        def value(part: re.Match[str]) -> str:
            return str(self.values[part[1]])

        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, route)

    def request(self, identity: str, method: str, path: str) -> Any:
        """Send a request with all credentials of ``identity``: its token, or session and bearer token. Roll it back."""
        self.client.cookies.clear()
        headers: dict[Any, Any] = {"X-Booking-Token": self.tokens[identity]} if identity in self.tokens else {}
        headers["Host"] = HOST
        body: dict[str, Any] = {} if method == "GET" else {"data": b"{}", "content_type": "application/json"}
        with transaction.atomic():
            if identity in self.service_tokens:
                headers["Authorization"] = f"Bearer {self.service_tokens[identity]}"
            if identity in self.staff:
                self.client.force_login(self.staff[identity])
                bearer = create_staff_token(user=self.staff[identity]).token
                headers["Authorization"] = f"Bearer {bearer}"
            send: Any = self.client.generic
            response = send(method, path, headers=headers, **body)
            transaction.set_rollback(True)
        # Links are relative or begin with PUBLIC_BASE_URL: the client chooses the Host header.
        assert HOST not in f"{response.headers}{response.content.decode()}"
        return response


@pytest.fixture
def world():
    return World()


def test_access_matrix_has_exactly_the_routes():
    assert sorted(ROUTES) == sorted(MATRIX)


@pytest.mark.parametrize("route", ROUTES)
def test_access_of_each_identity_matches_the_matrix(world, route):
    path = world.path(route)

    statuses_by_method = {
        method: [world.request(identity, method, path).status_code for identity in IDENTITIES] for method in METHODS
    }

    expected = MATRIX.get(route, {})
    for method, statuses in statuses_by_method.items():
        if method in expected:
            assert statuses == expected[method], method
        else:  # refused for every identity; the access check of a page comes before the check of the method
            assert all(status in (METHOD_NOT_ALLOWED, 403, 302) for status in statuses), (method, statuses)
            assert METHOD_NOT_ALLOWED in statuses, (method, statuses)


def test_admin_session_does_not_authenticate_in_the_api(world):
    """Otherwise any other site could book and cancel with a staff member's cookie (CSRF)."""
    client = Client(raise_request_exception=False)
    client.force_login(world.staff["manager"])

    responses = [
        client.put(world.path("bookings/<uuid:booking_id>/confirm")),
        client.get("/bookings/"),
        client.get(world.path("bookings/<uuid:booking_id>")),
    ]

    assert [response.status_code for response in responses] == [401, 401, 404]


# What the groups may do with each model in the admin; only a superuser may do more. Other models have no page.
READ, EDIT = {"view"}, {"view", "add", "change"}
ADMIN: dict[str, tuple[set[str], set[str]]] = {  # front desk, managers
    "accounts/servicetoken": (set(), set()),
    "auth/group": (set(), set()),
    "auth/user": (set(), set()),
    "bookings/booking": (READ | {"add"}, READ | {"add"}),
    "bookings/category": (READ, EDIT),
    "bookings/customer": (READ | {"change"}, READ | {"change"}),
    "bookings/location": (READ, EDIT),
    "bookings/resource": (READ, EDIT),
    "bookings/scheduleexception": (READ, EDIT | {"delete"}),
    "bookings/service": (READ, EDIT),
    "bookings/session": (READ, READ),
    "payments/deskpayment": (READ, READ),
    "payments/discrepancy": (set(), READ),
    "payments/dispute": (READ, READ),
    "payments/gatewayevent": (set(), READ),
    "payments/payment": (READ, READ),
    "payments/paymentorder": (READ, READ),
    "payments/refund": (READ, READ),
}
PAGES = {  # the action that a page requires to open it, and to submit its form
    "": ("view", "view"),
    "add/": ("add", "add"),
    "<path:object_id>/change/": ("view", "change"),
    "<path:object_id>/delete/": ("delete", "delete"),
    "<path:object_id>/history/": ("view", "view"),
}
# Pages for all staff: they show no customer data.
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
    r"admin/accounts/servicetoken/^(?P<pk>.+)/actions/(?P<tool>\w+)/$",
    r"admin/accounts/servicetoken/^actions/(?P<tool>\w+)/$",
    r"admin/bookings/booking/^(?P<pk>.+)/actions/(?P<tool>\w+)/$",
    r"admin/bookings/customer/^(?P<pk>.+)/actions/(?P<tool>\w+)/$",
    "admin/^(?P<app_label>accounts|bookings|payments|auth)/$",
    "admin/(?P<url>.*)$",
]
ADMIN_ROUTES = [f"admin/{model}/{page}" for model in ADMIN for page in PAGES]


def test_admin_matrix_has_exactly_the_routes():
    redirects = {f"admin/{model}/<path:object_id>/" for model in ADMIN}  # to the change page

    assert {route for route in routes() if route.startswith("admin/")} == {*ADMIN_ROUTES, *FOR_ALL_STAFF, *redirects}


@pytest.mark.parametrize("route", ADMIN_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_admin_access_of_each_group_matches_the_matrix(world, route, method):
    app, model, page = route.removeprefix("admin/").split("/", 2)
    required = PAGES[page][method == "POST"]
    path = "/" + route.replace("<path:object_id>", "0")  # no such row: with access a redirect, otherwise 403

    responses = {identity: world.request(identity, method, path) for identity in IDENTITIES}

    for identity in ANYONE:
        assert responses[identity].headers["Location"].startswith("/admin/login/")
    allowed = dict(zip(("desk", "manager"), ADMIN[f"{app}/{model}"], strict=True)) | {"no_permission": set()}
    if page.endswith("history/"):  # Django redirects from an unknown row before it checks access
        assert {responses[identity].status_code for identity in allowed} == {302}
    else:
        assert {identity: responses[identity].status_code == 403 for identity in allowed} == {
            identity: required not in allowed[identity] for identity in allowed
        }


# Buttons of an object, and actions of a list, for front desk and managers. A superuser may use all of them.
BUTTONS = {
    "accounts/servicetoken/revoke": (False, False),
    "bookings/booking/cancel": (True, True),
    "bookings/booking/complete": (True, True),
    "bookings/booking/confirm": (True, True),
    "bookings/booking/decline": (True, True),
    "bookings/booking/no_show": (True, True),
    "bookings/booking/reschedule": (True, True),
    "bookings/customer/erase": (False, True),
    "bookings/customer/export": (False, True),
}
LIST_ACTIONS = {
    "auth/user/sign_out_everywhere": (False, False),
    "bookings/booking/complete_selected": (True, True),
    "bookings/booking/confirm_selected": (True, True),
    **{f"{model}/delete_selected": tuple("delete" in allowed for allowed in ADMIN[model]) for model in ADMIN},
}


def model_path(model):
    return f"{model._meta.app_label}/{model._meta.model_name}"


def test_matrix_has_exactly_the_buttons_and_actions_of_the_admin():
    pages = admin.site._registry.items()
    buttons = {f"{model_path(model)}/{name}" for model, page in pages for name in getattr(page, "change_actions", [])}
    actions = {f"{model_path(model)}/{name}" for model, page in pages for name in [*page.actions, *admin.site._actions]}

    assert (buttons, actions) == (set(BUTTONS), set(LIST_ACTIONS))
    assert not any(getattr(page, "changelist_actions", []) for _, page in pages)


@pytest.mark.parametrize("button", BUTTONS)
def test_button_is_refused_without_its_permission(world, button):
    model, name = button.rsplit("/", 1)
    row = world.rows[model]
    path = f"/admin/{model}/{row}/actions/{name}/"

    statuses = {identity: world.request(identity, "POST", path).status_code for identity in world.staff}
    visitors = {world.request(identity, "POST", path).headers["Location"] for identity in ANYONE}

    allowed = dict(zip(("no_permission", "desk", "manager"), (False, *BUTTONS[button]), strict=True))
    assert {identity: status != 403 for identity, status in statuses.items()} == allowed
    assert visitors == {f"/admin/login/?next={path}"}


@pytest.mark.parametrize("list_action", LIST_ACTIONS)
def test_list_action_is_offered_only_with_its_permission(world, list_action):
    model, name = list_action.rsplit("/", 1)
    page = {model_path(each): page for each, page in admin.site._registry.items()}[model]

    offered = {identity: name in page.get_actions(request_of(user)) for identity, user in world.staff.items()}

    assert offered == dict(zip(("no_permission", "desk", "manager"), (False, *LIST_ACTIONS[list_action]), strict=True))


def request_of(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


@pytest.mark.parametrize("route", [*ROUTES, *ADMIN_ROUTES])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_head_options_and_trace_never_cause_a_server_error(world, route, method):
    path = world.path(route.replace("<path:object_id>", "0"))

    statuses = [world.request(identity, method, path).status_code for identity in IDENTITIES]

    assert max(statuses) < 500


def test_head_gives_the_headers_of_get(world):
    """CSRF tokens and times differ between two requests, so that their pages may have another length."""
    differing = ("Content-Length", "Vary", "Set-Cookie", "Expires")
    routes_with_get = [route for route in ROUTES if "GET" in MATRIX[route]] + ADMIN_ROUTES

    for path in [world.path(route.replace("<path:object_id>", "0")) for route in routes_with_get]:
        get, head = (world.request("manager", method, path) for method in ("GET", "HEAD"))
        headers = [
            {name: value for name, value in response.headers.items() if name not in differing}
            for response in (get, head)
        ]

        assert (get.status_code, headers[0]) == (head.status_code, headers[1]), path


def test_api_paths_are_the_routes_of_the_api(world):
    views = dict(views_by_route())
    is_api = {route: is_api_path(world.path(route)) for route in ROUTES}

    assert is_api == {route: issubclass(getattr(views[route], "view_class", object), APIView) for route in ROUTES} | {
        "docs/": False,  # a page, although DRF renders it
        "healthz": True,
        "payments/razorpay/webhook": True,
        "notifications/twilio/status/<uuid:notification_id>/<uuid:attempt_id>": True,
        "notifications/twilio/inbound": True,
    }
