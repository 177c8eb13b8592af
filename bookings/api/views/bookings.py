"""Endpoints that create, list and show bookings."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accounts.callers import service_token_of
from bookings.api.idempotency import IDEMPOTENCY_HEADERS, IDEMPOTENCY_REFUSALS, respond_once
from bookings.api.keyed_request import keyed_request
from bookings.api.permissions import (
    BOOKING_TOKEN,
    LACKS_PERMISSION,
    STAFF_OR_BOOKING_TOKEN,
    BookingEndpoint,
    MethodNotAllowedFirst,
    booking_token,
    customer_actor,
    deny,
    is_staff_user,
    may_view_all,
    owns_booking,
    staff_actor,
)
from bookings.api.representation import (
    BookingSerializer,
    NewBookingSerializer,
    represent_booking,
    represent_new_booking,
)
from bookings.api.serializers import BookingInputSerializer, BookingQuerySerializer
from bookings.api.throttles import BookingAccessThrottle, NewBookingThrottle
from bookings.exceptions import NEW_BOOKING_REFUSALS
from bookings.manage_tokens import TokenMaker
from bookings.models import Booking
from bookings.operations import NewBooking, create_booking
from foundation.http.openapi import raises
from foundation.http.pagination import NewestFirstPagination
from foundation.http.query_params import parse_query_params


class BookingList(MethodNotAllowedFirst, BookingEndpoint, generics.ListAPIView[Booking]):
    serializer_class = BookingSerializer
    pagination_class = NewestFirstPagination

    def get_throttles(self) -> list[BaseThrottle]:
        return [NewBookingThrottle()] if self.request.method == "POST" else [BookingAccessThrottle()]

    def get_queryset(self) -> QuerySet[Booking]:
        bookings = Booking.objects.for_api()
        if service_token := service_token_of(self.request):
            bookings = bookings.filter(service_token=service_token)
        elif not may_view_all(self.request):
            bookings = bookings.with_manage_token(booking_token(self.request))
        filters = parse_query_params(self.request, BookingQuerySerializer, other_params={"cursor", "page_size"})
        return bookings.filter(**filters)

    @extend_schema(
        operation_id="listBookings",
        summary="List bookings",
        description="Newest first. Staff get all bookings, a service token those that it created, and a manage token "
        "only its own.",
        parameters=[BookingQuerySerializer, BOOKING_TOKEN],
        auth=STAFF_OR_BOOKING_TOKEN,
    )
    @raises(NotAuthenticated, PermissionDenied)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # Not a permission class: those run before throttles, and a guessed token must count against the rate limit.
        may_list = may_view_all(request) or service_token_of(request) is not None
        if not may_list and not Booking.objects.with_manage_token(booking_token(request)).exists():
            self.permission_denied(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="createBooking",
        summary="Book a service that is not paid online",
        description="The booking is `confirmed`, or `pending` if staff must confirm it. Keep the `manage_token` of the "
        "response: it is shown only once. For a service that is paid online, use `POST /bookings/razorpay-booking`.",
        request=BookingInputSerializer,
        parameters=IDEMPOTENCY_HEADERS,
        responses={201: NewBookingSerializer},
    )
    @raises(PermissionDenied, *NEW_BOOKING_REFUSALS, *IDEMPOTENCY_REFUSALS)
    def post(self, request: Request) -> HttpResponse:
        is_staff = is_staff_user(request)
        if is_staff and not request.user.has_perm("bookings.add_booking"):
            self.permission_denied(request, LACKS_PERMISSION)
        actor = staff_actor(request) if is_staff else customer_actor(request)
        keyed = keyed_request(request)

        def create(token_for: TokenMaker) -> NewBooking:
            serializer = BookingInputSerializer(data=request.data, context={"is_staff": is_staff})
            serializer.is_valid(raise_exception=True)
            return create_booking(**serializer.validated_data, actor=actor, caller=keyed.caller, token_for=token_for)

        return respond_once(keyed, create, represent=represent_new_booking)


class BookingDetail(BookingEndpoint):
    throttle_classes = [BookingAccessThrottle]

    @extend_schema(
        operation_id="getBooking",
        summary="Get a booking",
        description="For staff, the customer with the booking's manage token, and the service token that created it.",
        parameters=[BOOKING_TOKEN],
        responses=BookingSerializer,
        auth=STAFF_OR_BOOKING_TOKEN,
    )
    @raises(PermissionDenied)
    def get(self, request: Request, booking_id: UUID) -> Response:
        booking = Booking.objects.for_api().filter(pk=booking_id).first()
        if not may_view_all(request) and not owns_booking(request, booking):
            deny(request)
        if booking is None:
            raise Http404
        return Response(represent_booking(booking))
