"""Rate limits of the booking endpoints."""

from __future__ import annotations

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.api.idempotency import is_repeat
from foundation.http.throttles import ClientAddressThrottle
from foundation.rate_limits.rate_limit import HOUR, RateLimit


class BookingThrottle(ClientAddressThrottle):
    """Tries at booking and at moving a booking, successful or not: each of them may send messages."""

    def limit(self) -> RateLimit:
        return RateLimit("bookings", settings.LIMIT_BOOKINGS_PER_HOUR, HOUR)


class NewBookingThrottle(BookingThrottle):
    """The same, but whoever lost the answer to their last booking may ask for it again."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        return super().allow_request(request, view) or is_repeat(request)


class LookupThrottle(ClientAddressThrottle):
    """Looks at a booking, and changes of one: without a limit, tokens could be guessed."""

    def limit(self) -> RateLimit:
        return RateLimit("look-ups", settings.LIMIT_LOOKUPS_PER_MINUTE, 60)
