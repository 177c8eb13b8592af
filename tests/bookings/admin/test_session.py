import pytest
from django.urls import reverse

from bookings.models import Session
from bookings.operations import cancel_booking
from tests.builders.bookings import DESK, make_booking, make_service

pytestmark = pytest.mark.django_db


def test_session_page_lists_attendees(front_desk):
    yoga = make_service(capacity=12)
    bookings = [make_booking(yoga, party_size=party_size) for party_size in (1, 3)]
    cancelled = make_booking(yoga)
    cancel_booking(booking_id=cancelled.pk, actor=DESK)
    session = Session.objects.get()

    list_page = front_desk.get(reverse("admin:bookings_session_changelist")).content.decode()
    page = front_desk.get(reverse("admin:bookings_session_change", args=[session.pk])).content.decode()

    assert "4 of 12" in list_page
    assert all(booking.reference in page for booking in bookings)
    assert cancelled.reference not in page
