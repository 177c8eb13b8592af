"""Who asks, and what they may: staff by their permissions, customers by their booking's manage token."""

from typing import Any, NoReturn

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.models import Booking
from foundation.events import Actor, ActorKind

CUSTOMER = Actor(ActorKind.CUSTOMER)
BOOKING_TOKEN = OpenApiParameter(
    "X-Booking-Token", str, OpenApiParameter.HEADER, description="The booking's manage token, for its customer."
)
LACKS_PERMISSION = "Your account lacks the permission for this. Ask an admin for it."


class MethodNotAllowedFirst(APIView):
    """Says 405 to a method that the path does not have before it asks who is calling."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)


def has_booking_token(request: Request, booking: Booking | None) -> bool:
    """Whether the request carries the booking's manage token."""
    return booking is not None and booking.accepts_manage_token(booking_token(request))


def deny(request: Request) -> NoReturn:
    """Tell staff that they lack a permission, and strangers nothing: unknown and foreign bookings look the same."""
    if request.user.is_authenticated:
        raise PermissionDenied(LACKS_PERMISSION)
    raise Http404


def may_view_all(request: Request) -> bool:
    """Whether every booking is for these eyes."""
    return request.user.has_perm("bookings.view_booking")


def booking_token(request: Request) -> str:
    """Return the manage token that the request carries, or nothing."""
    return request.headers.get("X-Booking-Token", "")


def staff_actor(request: Request) -> Actor:
    """Return the signed-in user as the one who acts."""
    return Actor.from_user(request.user)
