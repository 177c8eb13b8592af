"""What payments announces, inside the transaction that recorded it. A receiver may write rows and must not touch the
network. ``payment_failed`` sends ``payment: Payment``; the others send ``refund: Refund``."""

from django.dispatch import Signal

payment_failed = Signal()
refund_requested = Signal()
refund_processed = Signal()
