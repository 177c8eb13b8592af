"""Authorise callers: staff by their permissions, customers by their booking's manage token."""

from typing import Any, ClassVar, NoReturn

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import permissions
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.models import Booking
from foundation.events import Actor, ActorKind

CUSTOMER = Actor(ActorKind.CUSTOMER)
BOOKING_TOKEN = OpenApiParameter(
    "X-Booking-Token", str, OpenApiParameter.HEADER, description="The booking's manage token, for customers."
)
STAFF_OR_BOOKING_TOKEN: list[dict[str, list[str]]] = [{"staffToken": []}, {"bookingToken": []}]
LACKS_PERMISSION = "Your account does not have permission for this. Ask an admin to grant it."


class MethodNotAllowedFirst(APIView):
    """A view that responds 405 to an unsupported method before it authenticates the caller."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)


class StaffEndpoint(MethodNotAllowedFirst):
    """An endpoint for staff who have ``permission``."""

    permission: ClassVar[str]
    raises = (PermissionDenied,)

    def get_permissions(self) -> list[permissions.BasePermission]:
        return [permissions.IsAuthenticated()]

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if not request.user.has_perm(self.permission):
            self.permission_denied(request, LACKS_PERMISSION)


def has_booking_token(request: Request, booking: Booking | None) -> bool:
    """Return whether the request carries the booking's manage token."""
    return booking is not None and booking.accepts_manage_token(booking_token(request))


def booking_token(request: Request) -> str:
    """Return the manage token that the request carries, or an empty string."""
    return request.headers.get("X-Booking-Token", "")


def may_view_all(request: Request) -> bool:
    """Return whether the caller may view all bookings."""
    return request.user.has_perm("bookings.view_booking")


def staff_actor(request: Request) -> Actor:
    """Return the signed-in user as the actor."""
    return Actor.from_user(request.user)


def deny(request: Request) -> NoReturn:
    """Raise 403 for signed-in users, else 404, so that an unknown id looks the same as another customer's."""
    if request.user.is_authenticated:
        raise PermissionDenied(LACKS_PERMISSION)
    raise Http404
