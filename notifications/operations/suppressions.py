"""Suppressions: record addresses that opted out or that the provider does not know."""

from __future__ import annotations

from notifications.models import Channel, ErasedOptOut, Suppression
from notifications.providers.base import ProviderError, RecipientOptedOut, RecipientUnreachable

Reason = Suppression.Reason
REASON_BY_ERROR: dict[type[ProviderError], Suppression.Reason] = {
    RecipientOptedOut: Reason.OPTED_OUT,
    RecipientUnreachable: Reason.UNREACHABLE,
}


def suppress(*, channel: Channel, address: str, reason: Suppression.Reason, source: str) -> None:
    """Stop sending messages to this address. An opt-out is never replaced by another reason."""
    row = Suppression(channel=channel, address=address, reason=reason, source=source[:120])
    if reason == Reason.OPTED_OUT:
        Suppression.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["channel", "address"], update_fields=["reason", "source"]
        )
    else:
        Suppression.objects.bulk_create([row], ignore_conflicts=True)


def suppress_after(error_type: type[ProviderError], *, channel: Channel, address: str, source: str) -> None:
    """Suppress the address if this type of error means that it must not be contacted."""
    reason = REASON_BY_ERROR.get(error_type)
    if reason is not None:
        suppress(channel=channel, address=address, reason=reason, source=source)


def lift_opt_out(*, channel: Channel, address: str) -> None:
    """Allow messages to this address again, at the customer's request."""
    Suppression.objects.filter(channel=channel, address=address, reason=Reason.OPTED_OUT).delete()
    ErasedOptOut.objects.of_address(channel, address).delete()


def lift_unreachable(*, channel: Channel, address: str) -> None:
    """Allow messages to this address again: its owner has written to us, or staff say that it is correct."""
    Suppression.objects.filter(channel=channel, address=address, reason=Reason.UNREACHABLE).delete()
