"""Rate limits of the booking endpoints."""

from __future__ import annotations

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.api.idempotency import is_repeat
from foundation.http.throttles import ClientAddressThrottle
from foundation.rate_limits.rate_limit import HOUR, RateLimit


class BookingThrottle(ClientAddressThrottle):
    """Limits attempts to book and to reschedule, successful or not: each may send messages."""

    def rate_limit(self) -> RateLimit:
        return RateLimit("bookings", settings.LIMIT_BOOKINGS_PER_HOUR, HOUR)


class NewBookingThrottle(BookingThrottle):
    """Limits new bookings. A client that lost the response to its last booking may repeat the request."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        return super().allow_request(request, view) or is_repeat(request)


class BookingAccessThrottle(ClientAddressThrottle):
    """Limits reads and changes of single bookings, so that manage tokens cannot be guessed."""

    def rate_limit(self) -> RateLimit:
        return RateLimit("booking access", settings.LIMIT_BOOKING_ACCESS_PER_MINUTE, 60)
