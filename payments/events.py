"""Events published by payments. Receivers run inside the publishing transaction: they may write rows and must not use
the network. ``payment_failed`` sends ``payment: Payment``; the others send ``refund: Refund``."""

from django.dispatch import Signal

payment_failed = Signal()
refund_requested = Signal()
refund_processed = Signal()
refund_failed = Signal()
