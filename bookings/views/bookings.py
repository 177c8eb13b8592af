"""Bookings over HTTP, made and seen."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import generics, permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from bookings.idempotency import IDEMPOTENCY_KEY, answer_once
from bookings.limits import Lookups, NewBookings
from bookings.manage_tokens import TokenMaker
from bookings.models import Booking
from bookings.operations import Booked, create_booking
from bookings.serializers import (
    BookingQuery,
    BookingRequest,
    BookingSerializer,
    NewBookingSerializer,
    booking_answer,
)
from bookings.views.access import CUSTOMER, TOKEN, MethodFirst, opens, refuse, sees_all, token_of
from bookings.views.queries import NewestFirst, asked


def new_booking_answer(booked: Booked) -> dict[str, object]:
    """Return the body for a new booking: the only answer that carries its manage token."""
    return {**booking_answer(booked.booking), "manage_token": booked.manage_token}


class BookingList(MethodFirst, generics.ListAPIView[Booking]):
    serializer_class = BookingSerializer
    pagination_class = NewestFirst
    permission_classes = [permissions.AllowAny]

    def get_throttles(self) -> list[BaseThrottle]:
        return [NewBookings()] if self.request.method == "POST" else [Lookups()]

    def get_queryset(self) -> QuerySet[Booking]:
        bookings = Booking.objects.for_api()
        if not sees_all(self.request):
            bookings = bookings.opened_by(token_of(self.request))
        return bookings.filter(**asked(self.request, BookingQuery, beside={"cursor", "page_size"}))

    @extend_schema(
        summary="List bookings: staff see all, a manage token its own",
        parameters=[BookingQuery],
        auth=[{"knoxApiToken": []}, {"bookingToken": []}],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # Asked only now, when the look has been counted.
        if not sees_all(request) and not Booking.objects.opened_by(token_of(request)).exists():
            self.permission_denied(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Book a service that is paid at the desk", request=BookingRequest,
                   parameters=[IDEMPOTENCY_KEY], responses={201: NewBookingSerializer})  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        def book(token_for: TokenMaker) -> Booked:
            form = BookingRequest(data=request.data)
            form.is_valid(raise_exception=True)
            return create_booking(**form.validated_data, actor=CUSTOMER, token_for=token_for)

        return answer_once(request, book, show=new_booking_answer)


class BookingDetail(APIView):
    permission_classes = [permissions.AllowAny]
    throttle_classes = [Lookups]

    @extend_schema(
        summary="See one booking",
        parameters=[TOKEN],
        responses=BookingSerializer,
    )
    def get(self, request: Request, booking_id: UUID) -> Response:
        booking = Booking.objects.for_api().filter(pk=booking_id).first()
        if not sees_all(request) and not opens(request, booking):
            refuse(request)
        if booking is None:
            raise Http404
        return Response(booking_answer(booking))
