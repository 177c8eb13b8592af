"""A journey of a customer and of staff with the generated Python client; test_generated_clients.py runs it."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import requests
from daybook_client import AuthenticatedClient, Client
from daybook_client.api.auth import sign_in
from daybook_client.api.bookings import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    create_booking,
    create_paid_booking,
    get_booking,
    list_bookings,
    reschedule_booking,
    verify_payment,
)
from daybook_client.api.services import get_availability, list_services
from daybook_client.models import (
    Availability,
    Booking,
    BookingInput,
    BookingPage,
    CheckoutResponse,
    CustomerInput,
    NewBooking,
    Problem,
    RescheduleInput,
    SignInInput,
    SignInResponse,
    VerifyPaymentInput,
    VerifyPaymentResponse,
)
from daybook_client.types import Response, Unset

T = TypeVar("T")

ADDRESS = os.environ["DAYBOOK_ADDRESS"]
MEERA = CustomerInput(name="Meera Iyer", phone="+919812340003", email="meera@example.com")
ARJUN = CustomerInput(name="Arjun Rao", phone="+919812340004", email="arjun@example.com")

# The generator asks for an AuthenticatedClient wherever a token is accepted; customers have none.
CUSTOMER = cast(AuthenticatedClient, Client(base_url=ADDRESS))


def main() -> None:
    book_and_cancel()
    pay()
    manage_as_staff()


def book_and_cancel() -> None:
    services = list_services.sync(client=CUSTOMER)
    assert isinstance(services, list), services
    assert {service.slug for service in services} >= {"consultation", "physiotherapy"}
    first = free_times("consultation")[0]

    booking = book("consultation", first, MEERA)
    token: str = booking.manage_token
    found = expect(200, Booking, get_booking.sync_detailed(booking.id, client=CUSTOMER, x_booking_token=token))
    assert (found.id, found.status, found.starts_at) == (booking.id, "pending", first)

    request = BookingInput(service="consultation", starts_at=first, customer=ARJUN)
    problem = expect(409, Problem, create_booking.sync_detailed(client=CUSTOMER, body=request))
    assert problem.code == "slot_taken", problem
    assert not isinstance(problem.alternatives, Unset)
    second = problem.alternatives[0]

    change = RescheduleInput(starts_at=second)
    moved = reschedule_booking.sync_detailed(booking.id, client=CUSTOMER, body=change, x_booking_token=token)
    assert expect(200, Booking, moved).starts_at == second
    cancelled = cancel_booking.sync_detailed(booking.id, client=CUSTOMER, x_booking_token=token)
    assert expect(200, Booking, cancelled).status == "cancelled"


def pay() -> None:
    request = BookingInput(service="physiotherapy", starts_at=free_times("physiotherapy")[0], customer=MEERA)
    held = expect(201, CheckoutResponse, create_paid_booking.sync_detailed(client=CUSTOMER, body=request))
    assert (held.booking.status, held.checkout.amount) == ("held", held.booking.due_online_minor)
    assert held.booking.hold_expires_at is not None

    sandbox_order = f"{os.environ['SANDBOX_ADDRESS']}/sandbox/orders/{held.checkout.order_id}/pay"
    payment = VerifyPaymentInput.from_dict(requests.post(sandbox_order, json={}, timeout=10).json())
    verified = expect(200, VerifyPaymentResponse, verify_payment.sync_detailed(client=CUSTOMER, body=payment))
    assert (verified.booking.id, verified.booking.status) == (held.booking.id, "confirmed")


def manage_as_staff() -> None:
    credentials = SignInInput(username="desk", password=os.environ["STAFF_PASSWORD"])
    signed_in = expect(200, SignInResponse, sign_in.sync_detailed(client=CUSTOMER, body=credentials))
    assert signed_in.expires_at > datetime.now(UTC)
    staff = AuthenticatedClient(base_url=ADDRESS, token=signed_in.token)

    booking = book("consultation", free_times("consultation")[0], ARJUN)
    confirmed = expect(200, Booking, confirm_booking.sync_detailed(booking.id, client=staff))
    assert confirmed.status == "confirmed"
    page = expect(200, BookingPage, list_bookings.sync_detailed(client=staff))
    assert booking.id in {listed.id for listed in page.results}
    visit = UUID(os.environ["VISIT_TODAY"])
    assert expect(200, Booking, complete_booking.sync_detailed(visit, client=staff)).status == "completed"

    nameless = CustomerInput(name="", phone="12")
    request = BookingInput(service="consultation", starts_at=booking.starts_at, customer=nameless)
    invalid = expect(400, Problem, create_booking.sync_detailed(client=staff, body=request))
    assert not isinstance(invalid.errors, Unset)
    assert "customer.name" in {error.field for error in invalid.errors}

    unknown = AuthenticatedClient(base_url=ADDRESS, token="x" * 40)
    refused = expect(401, Problem, confirm_booking.sync_detailed(booking.id, client=unknown))
    assert refused.status == 401


def free_times(service: str) -> list[datetime]:
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    availability = expect(200, Availability, get_availability.sync_detailed(service, client=CUSTOMER, from_=day))
    return [slot.starts_at for slot in availability.slots]


def book(service: str, starts_at: datetime, customer: CustomerInput) -> NewBooking:
    """Send the same request twice with one idempotency key, and return the one booking."""
    request = BookingInput(service=service, starts_at=starts_at, customer=customer)
    key = str(uuid4())
    first, repeat = (
        expect(201, NewBooking, create_booking.sync_detailed(client=CUSTOMER, body=request, idempotency_key=key))
        for _ in range(2)
    )
    assert first.id == repeat.id
    return first


def expect(status: int, kind: type[T], response: Response[Any]) -> T:
    assert response.status_code == status, response.content.decode()
    assert isinstance(response.parsed, kind), response.content.decode()
    return response.parsed


if __name__ == "__main__":
    main()
