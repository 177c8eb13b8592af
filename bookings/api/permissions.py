"""Authorise callers: staff by their permissions, customers by their booking's manage token, and service tokens for the
bookings that were created with them."""

from contextlib import suppress
from typing import Any, ClassVar, NoReturn

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import permissions
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.callers import service_token_of
from bookings.api.throttles import PublicThrottle
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


class PublicEndpoint(APIView):
    """An endpoint for everyone. A bearer token only selects the rate limit, so an expired one does no harm."""

    permission_classes = [permissions.AllowAny]
    throttle_classes = [PublicThrottle]

    def perform_authentication(self, request: Request) -> None:
        with suppress(AuthenticationFailed):  # DRF has made the caller anonymous before it raises
            super().perform_authentication(request)


class BookingEndpoint(APIView):
    """An endpoint for staff, for the customer with the manage token, and for the service token of the booking.

    With a manage token, an expired or invalid bearer token does no harm: customers need none.
    """

    permission_classes = [permissions.AllowAny]

    def perform_authentication(self, request: Request) -> None:
        if not booking_token(request):
            super().perform_authentication(request)
            return
        with suppress(AuthenticationFailed):  # DRF has made the caller anonymous before it raises
            super().perform_authentication(request)


def owns_booking(request: Request, booking: Booking | None) -> bool:
    """Return whether the request carries the booking's manage token, or the service token that created it."""
    if booking is None:
        return False
    service_token = service_token_of(request)
    if service_token is not None and booking.service_token_id == service_token.pk:
        return True
    return booking.accepts_manage_token(booking_token(request))


def booking_token(request: Request) -> str:
    """Return the manage token that the request carries, or an empty string."""
    return request.headers.get("X-Booking-Token", "")


def may_view_all(request: Request) -> bool:
    """Return whether the caller may view all bookings."""
    return request.user.has_perm("bookings.view_booking")


def is_staff_user(request: Request) -> bool:
    """Return whether a member of staff is signed in."""
    return request.user.is_authenticated and service_token_of(request) is None


def staff_actor(request: Request) -> Actor:
    """Return the signed-in user as the actor."""
    return Actor.from_user(request.user)


def customer_actor(request: Request) -> Actor:
    """Return the program that acts on behalf of the customer, or the customer."""
    service_token = service_token_of(request)
    return CUSTOMER if service_token is None else Actor(ActorKind.INTEGRATION, service_token.name)


def deny(request: Request) -> NoReturn:
    """Raise 403 for staff, else 404, so that an unknown id looks the same as another customer's."""
    if is_staff_user(request):
        raise PermissionDenied(LACKS_PERMISSION)
    raise Http404
