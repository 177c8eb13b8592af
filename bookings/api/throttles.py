"""Rate limits of the booking endpoints: per service token, or else per client address. Staff have none."""

from __future__ import annotations

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.callers import service_token_of
from bookings.api.idempotency import is_repeat
from foundation.http.throttles import MINUTE, ClientAddressThrottle, RequestThrottle
from foundation.rate_limits.rate_limit import HOUR, RateLimit


class CallerThrottle(ClientAddressThrottle):
    """A rate limit per service token, or else per client address."""

    def service_token_limit(self) -> RateLimit:
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        service_token = service_token_of(request)
        if service_token is None:
            return super().allow_request(request, view)
        return self.service_token_limit().allows(str(service_token.pk), self.uses(view))


class PublicThrottle(CallerThrottle, RequestThrottle):
    """Limits requests for what is public. A website with a service token sends those of many customers."""

    def service_token_limit(self) -> RateLimit:
        limit = settings.LIMIT_SERVICE_TOKEN_REQUESTS_PER_MINUTE
        return RateLimit("requests per service token", limit, MINUTE)


class BookingThrottle(CallerThrottle):
    """Limits attempts to book and to reschedule, successful or not: each may send messages."""

    def rate_limit(self) -> RateLimit:
        return RateLimit("bookings", settings.LIMIT_BOOKINGS_PER_HOUR, HOUR)

    def service_token_limit(self) -> RateLimit:
        return RateLimit("bookings per service token", settings.LIMIT_SERVICE_TOKEN_BOOKINGS_PER_HOUR, HOUR)


class NewBookingThrottle(BookingThrottle):
    """Limits new bookings. A client that lost the response to its last booking may repeat the request."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if super().allow_request(request, view):
            return True
        return is_repeat(request) and RequestThrottle().allow_request(request, view)


class BookingAccessThrottle(CallerThrottle):
    """Limits reads and changes of single bookings, so that manage tokens cannot be guessed."""

    def rate_limit(self) -> RateLimit:
        return RateLimit("booking access", settings.LIMIT_BOOKING_ACCESS_PER_MINUTE, MINUTE)

    def service_token_limit(self) -> RateLimit:
        limit = settings.LIMIT_SERVICE_TOKEN_ACCESS_PER_MINUTE
        return RateLimit("booking access per service token", limit, MINUTE)
