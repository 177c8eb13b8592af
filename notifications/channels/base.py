"""What Daybook needs to know about a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bookings.models import Customer
from notifications.models import Channel
from notifications.providers.base import Accepted, OutgoingMessage, PendingLookup, ReceiptMeaning


class Send(Protocol):
    def __call__(self, message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
        """Send one message; block until the provider responds. Raises ProviderError.

        Where the protocol has a hand-over, ``may_hand_over()`` is called right before it; if it returns False, nothing
        is sent.
        """
        ...


@dataclass(frozen=True)
class ChannelSpec:
    """How a channel reaches a customer.

    ``template``: the file in each kind's folder; its first line is the subject if the channel has one.
    ``has_hand_over``: until ``may_hand_over`` was called, nothing has been sent. ``is_charged``: each message costs
    money, so there are budgets per phone number and country instead of a limit per address. ``look_up``: finds a
    message at the provider, or None if the provider cannot be asked. ``translate_receipt``: what a delivery receipt
    means.
    """

    channel: Channel
    address_of: Callable[[Customer], str]
    template: str
    send: Send
    has_subject: bool = False
    has_hand_over: bool = False
    is_charged: bool = True
    look_up: Callable[[PendingLookup], Accepted | None] | None = None
    translate_receipt: Callable[[str, str], ReceiptMeaning] | None = None
