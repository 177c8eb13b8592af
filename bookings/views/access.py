"""Who asks, and what they may: staff by their permissions, customers by their booking's manage token."""

from typing import Any, NoReturn

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.models import Booking
from bookings.operations import Actor

CUSTOMER = Actor("customer")
TOKEN = OpenApiParameter(
    "X-Booking-Token", str, OpenApiParameter.HEADER, description="The booking's manage token, for its customer."
)
LACKS_PERMISSION = "Your account lacks the permission for this. Ask an admin for it."


class MethodFirst(APIView):
    """Says 405 to a method that the path does not have before it asks who is calling."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)


def opens(request: Request, booking: Booking | None) -> bool:
    """Whether the request carries the booking's manage token."""
    return booking is not None and booking.opens_with(token_of(request))


def refuse(request: Request) -> NoReturn:
    """Tell staff that they lack a permission, and strangers nothing: unknown and foreign bookings look the same."""
    if request.user.is_authenticated:
        raise PermissionDenied(LACKS_PERMISSION)
    raise Http404


def sees_all(request: Request) -> bool:
    """Whether every booking is for these eyes."""
    return request.user.has_perm("bookings.view_booking")


def token_of(request: Request) -> str:
    """Return the manage token that the request carries, or nothing."""
    return request.headers.get("X-Booking-Token", "")


def staff(request: Request) -> Actor:
    """Return the signed-in user as the one who acts."""
    return Actor("staff", request.user.get_username())
