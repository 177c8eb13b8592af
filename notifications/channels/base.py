"""What Daybook needs to know about a channel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from bookings.models import Customer
from notifications.models import Channel
from notifications.providers.base import Accepted, OutgoingMessage, PendingLookup, ReceiptMeaning


class Send(Protocol):
    def __call__(self, message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
        """Send one message; block until the provider responds. Raises ProviderError.

        If the channel has a hand-over, call ``may_hand_over()`` right before it, and send nothing if it returns False.
        """
        ...


@dataclass(frozen=True)
class ChannelSpec:
    """How a channel reaches a customer.

    ``template``: the name of the message template in each kind's folder; if ``has_subject``, its first line is the
    subject. ``missing_settings``: names the settings that the channel still needs. ``has_hand_over``: nothing is sent
    before ``may_hand_over()`` returns True. ``is_charged``: each message costs money, and its address is a phone
    number, so budgets apply per number and country instead of per address. ``look_up``: finds a message at the
    provider; None if the provider has no lookup. ``translate_receipt``: interprets a receipt's status and error code.
    ``unreachable_reason``: says why a message to an address cannot arrive, or "". ``keeping_connections``: a block in
    which connections are kept for later messages.
    """

    channel: Channel
    address_of: Callable[[Customer], str]
    template: str
    send: Send
    missing_settings: Callable[[], list[str]]
    is_charged: bool
    unreachable_reason: Callable[[str], str]
    has_subject: bool = False
    has_hand_over: bool = False
    look_up: Callable[[PendingLookup], Accepted | None] | None = None
    translate_receipt: Callable[[str, str], ReceiptMeaning] | None = None
    keeping_connections: Callable[[], AbstractContextManager[None]] = nullcontext
