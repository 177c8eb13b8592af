"""Links from a booking's admin page to the pages of the front desk."""

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Shortcut
from foundation.money import format_money
from payments.balance import payments_under_review


def link_to_balance(booking: Booking) -> Shortcut:
    """Return the link to the page where desk payments are recorded. It names money under review."""
    reviews = [format_money(row.amount_minor, row.payment.currency) for row in payments_under_review(booking)]
    note = f" ({', '.join(reviews)} under review)" if reviews else ""
    return Shortcut(f"Balance and desk payments{note}", reverse("desk", args=[booking.pk]), "payments.take_payment")
