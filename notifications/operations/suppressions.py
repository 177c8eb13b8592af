"""Whom not to write to: who asked us to stop, and who cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable

from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification, Suppression
from notifications.providers.base import ProviderError, RecipientOptedOut, RecipientUnreachable

Reason = Suppression.Reason
REASONS: dict[type[ProviderError], Suppression.Reason] = {
    RecipientOptedOut: Reason.OPTED_OUT,
    RecipientUnreachable: Reason.UNREACHABLE,
}


def suppress(*, channel: Notification.Channel, address: str, reason: Suppression.Reason, source: str) -> None:
    """Write to this address no more. Somebody who opted out stays so, whatever else is learnt of the address."""
    row = Suppression(channel=channel, address=address, reason=reason, source=source[:120])
    if reason == Reason.OPTED_OUT:
        Suppression.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["channel", "address"], update_fields=["reason", "source"]
        )
    else:
        Suppression.objects.bulk_create([row], ignore_conflicts=True)


def lift_opt_out(*, channel: Notification.Channel, address: str) -> None:
    """Write to somebody again who asked for it."""
    Suppression.objects.filter(channel=channel, address=address, reason=Reason.OPTED_OUT).delete()


def suppress_refused(outcomes: Iterable[Outcome]) -> None:
    """Remember the addresses that a provider refused for what they are."""
    for outcome in outcomes:
        reason = REASONS.get(type(outcome.error)) if outcome.error else None
        if reason is not None:
            message = outcome.message
            suppress(channel=message.channel, address=message.address, reason=reason, source=str(outcome.error))
