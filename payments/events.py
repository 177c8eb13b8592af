"""What payments announces, inside the transaction that recorded it. Sends ``payment: Payment``."""

from django.dispatch import Signal

payment_verified = Signal()
