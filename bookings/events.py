"""Events published by bookings. Receivers run inside the publishing transaction: they may write rows and must not use
the network. Each signal sends ``booking: Booking`` and ``event: BookingEvent``; customer_updated sends ``customer``."""

from django.dispatch import Signal

booking_held = Signal()
booking_requested = Signal()
booking_confirmed = Signal()
booking_completed = Signal()
booking_expired = Signal()
booking_unanswered = Signal()  # a request that staff neither confirmed nor declined in time
booking_declined = Signal()
booking_cancelled = Signal()
booking_rescheduled = Signal()
booking_missed = Signal()
booking_corrected = Signal()
customer_updated = Signal()

# Every signal that sends a booking and its event.
BOOKING_CHANGES = [
    booking_held,
    booking_requested,
    booking_confirmed,
    booking_completed,
    booking_expired,
    booking_unanswered,
    booking_declined,
    booking_cancelled,
    booking_rescheduled,
    booking_missed,
    booking_corrected,
]
