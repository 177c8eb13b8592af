"""Bookings over HTTP: translate in, one call, translate out."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, permissions
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookings.idempotency import IDEMPOTENCY_KEY, answer_once
from bookings.manage_tokens import TokenMaker
from bookings.models import Booking, Service
from bookings.operations import Actor, Booked, complete_booking, confirm_booking, create_booking
from bookings.serializers import (
    BookingRequest,
    BookingSerializer,
    NewBookingSerializer,
    ServiceSerializer,
    booking_answer,
)

CUSTOMER = Actor("customer")


def new_booking_answer(booked: Booked) -> dict[str, object]:
    """Return the body for a new booking: the only answer that carries its manage token."""
    return {**booking_answer(booked.booking), "manage_token": booked.manage_token}


class NewestFirst(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor of the query. Raises NotFound where its position is no time: DRF checks only its form."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                aware = datetime.fromisoformat(str(cursor.position)).tzinfo is not None
            except ValueError:
                aware = False
            if not aware:
                raise NotFound(self.invalid_cursor_message)
        return cursor


class MayViewBookings(permissions.BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.has_perm("bookings.view_booking")


class ServiceList(generics.ListAPIView[Service]):
    """The catalogue: what can be booked."""

    permission_classes = [permissions.AllowAny]
    serializer_class = ServiceSerializer
    pagination_class = None
    queryset = Service.objects.filter(is_active=True).select_related("location").prefetch_related("resources")


class BookingList(generics.ListAPIView[Booking]):
    serializer_class = BookingSerializer
    pagination_class = NewestFirst
    filter_backends = [DjangoFilterBackend]
    filterset_fields = ["status", "reference", "service__slug"]

    def get_permissions(self) -> list[permissions.BasePermission]:
        return [permissions.AllowAny()] if self.request.method == "POST" else [MayViewBookings()]

    def get_queryset(self) -> QuerySet[Booking]:
        return Booking.objects.for_api()

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

    @extend_schema(
        summary="See one booking",
        parameters=[OpenApiParameter("X-Booking-Token", str, OpenApiParameter.HEADER)],
        responses=BookingSerializer,
    )
    def get(self, request: Request, booking_id: UUID) -> Response:
        booking = Booking.objects.for_api().filter(pk=booking_id).first()
        if booking is None or not _may_see(request, booking):
            raise Http404  # an unknown booking and a foreign one look the same
        return Response(booking_answer(booking))


def _may_see(request: Request, booking: Booking) -> bool:
    is_staff = request.user.has_perm("bookings.view_booking")
    return is_staff or booking.opens_with(request.headers.get("X-Booking-Token", ""))


class _StaffMove(APIView):
    """A transition that staff make. ``permission`` guards it; the operation decides whether it may happen."""

    permission: ClassVar[str]

    def get_permissions(self) -> list[permissions.BasePermission]:
        return [permissions.IsAuthenticated()]

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if not request.user.has_perm(self.permission):
            self.permission_denied(request, "Your account lacks the permission for this. Ask an admin for it.")


class ConfirmBooking(_StaffMove):
    permission = "bookings.confirm_booking"

    @extend_schema(summary="Confirm a pending booking", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = confirm_booking(booking_id=booking_id, actor=Actor("staff", request.user.get_username()))
        return Response(booking_answer(booking))


class CompleteBooking(_StaffMove):
    permission = "bookings.complete_booking"

    @extend_schema(summary="Complete a confirmed booking", request=None, responses=BookingSerializer)
    def put(self, request: Request, booking_id: UUID) -> Response:
        booking = complete_booking(booking_id=booking_id, actor=Actor("staff", request.user.get_username()))
        return Response(booking_answer(booking))
