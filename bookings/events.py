"""What bookings announces. A receiver runs inside the announcing transaction: it may write rows and must not touch the
network. Each signal sends ``booking: Booking`` and ``event: BookingEvent``."""

from django.dispatch import Signal

booking_held = Signal()
booking_requested = Signal()
booking_confirmed = Signal()
booking_completed = Signal()
booking_expired = Signal()
booking_unanswered = Signal()
booking_declined = Signal()
booking_cancelled = Signal()
booking_rescheduled = Signal()
booking_missed = Signal()
booking_corrected = Signal()
customer_updated = Signal()  # sends the customer alone
