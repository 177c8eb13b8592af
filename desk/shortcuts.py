"""Links from a booking's admin page to the pages of the front desk."""

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Shortcut


def link_to_balance(booking: Booking) -> Shortcut:
    """Return the link to the page where desk payments are recorded."""
    return Shortcut("Balance and desk payments", reverse("desk", args=[booking.pk]), "payments.take_payment")
