"""The outbox: write notifications in the transaction of the change that causes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from bookings.models import Booking, BookingEvent, Customer
from notifications.channels import CHANNELS
from notifications.jobs import wake_lanes
from notifications.messages.kinds import KINDS, MessageKind, Topic, kinds_about
from notifications.messages.render import Amount, render_messages, unrendered_messages
from notifications.models import Channel, Notification
from payments.models import Refund

REFUND_CAUSE = "%s %s"  # the refund's id and the message kind; the invariants find the messages of a refund by it

Status = Notification.Status


@dataclass(frozen=True)
class Cause:
    """The cause of a message. ``key`` identifies it, so that one cause queues its messages only once."""

    key: str
    event: BookingEvent | None = None

    @classmethod
    def from_event(cls, event: BookingEvent, kind: MessageKind) -> Cause:
        return cls(f"{event.pk} {kind.value}", event)

    @classmethod
    def from_refund(cls, refund: Refund, kind: MessageKind) -> Cause:
        return cls(REFUND_CAUSE % (refund.pk, kind.value))

    def dedupe_key(self, channel: Channel, address: str) -> str:
        return f"{self.key}:{channel}:{address}"


def queue_messages(
    *,
    kind: MessageKind,
    booking: Booking,
    cause: Cause,
    amount: Amount | None = None,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Insert one notification per channel. Idempotent: a second call for the same cause inserts nothing.

    ``amount`` is the amount that the message states (default: the amount due online). The messages are sent at
    ``due_at`` (default: now), but not after ``expires_at`` (default: the time that the kind sets).
    """
    spec = KINDS[kind]
    messages = unrendered_messages(booking) if spec.is_rendered_when_sent else render_messages(kind, booking, amount)
    Notification.objects.bulk_create(
        [
            Notification(
                dedupe_key=cause.dedupe_key(message.channel, message.address),
                kind=kind,
                channel=message.channel,
                booking=booking,
                event=cause.event,
                address=message.address,
                subject=message.subject,
                body=message.body,
                expires_at=expires_at or spec.expires_at(booking),
                **({"due_at": due_at, "planned_at": due_at} if due_at else {}),
                **_status_by_reachability(message.channel, message.address),
            )
            for message in messages
        ],
        ignore_conflicts=True,
    )
    wake_lanes()


def supersede_messages(*, booking: Booking, topic: Topic, key_prefix: str = "") -> None:
    """Supersede the booking's earlier messages on ``topic``, because a change makes them outdated.

    Call it with the booking locked, in the transaction of the change, before its own messages are queued.
    ``key_prefix`` selects by the key of their cause. A message in flight may still arrive, but is not sent again.
    """
    unsent = Notification.objects.filter(pk__in=lock_unsent_messages(booking.pk))
    mark_superseded(unsent.filter(kind__in=kinds_about(topic), dedupe_key__startswith=key_prefix))


def mark_superseded(messages: QuerySet[Notification]) -> None:
    """Supersede these locked messages. Those in flight keep their status, and are superseded if they return."""
    is_waiting = Q(status__in=Notification.ALLOWED_PREDECESSORS[Status.SUPERSEDED])
    messages.update(
        superseded_at=Now(),
        status=Case(When(is_waiting, then=Value(Status.SUPERSEDED)), default=F("status")),
        error=Case(When(is_waiting, then=Value("A later change made it outdated.")), default=F("error")),
    )


def lock_unsent_messages(booking_id: UUID) -> list[UUID]:
    """Lock the booking's messages that no provider has accepted; return their ids.

    No lane claims any of them before the transaction ends. Without that, a lane that does not see the message that the
    transaction queues could begin to send a later one, while another lane sends this one.
    """
    rows = Notification.objects.filter(booking=booking_id, superseded_at=None).exclude(status__in=Notification.ARRIVED)
    # In one order, so that two transactions cannot deadlock.
    return [row.pk for row in rows.order_by("pk").select_for_update(no_key=True).only("pk")]


def _status_by_reachability(channel: Channel, address: str) -> dict[str, str]:
    """Return the first status of a message: skipped, with the reason, if it cannot arrive at its address."""
    reason = CHANNELS[channel].unreachable_reason(address)
    return {"status": Status.SKIPPED if reason else Status.QUEUED, "error": reason}


def readdress_messages(customer: Customer) -> None:
    """Send the customer's queued messages to the current phone number and e-mail address.

    Those that cannot arrive there are skipped. A planned message that was skipped because of the old address is queued.
    """
    is_planned_but_skipped = Q(status=Status.SKIPPED, planned_at__gt=Now(), superseded_at=None)
    messages = Notification.objects.filter(Q(status=Status.QUEUED) | is_planned_but_skipped, booking__customer=customer)
    # In the order of their ids, as in every transaction that locks several: no deadlocks.
    keys = [row.pk for row in messages.order_by("pk").select_for_update(of=("self",), no_key=True).only("pk")]
    for channel, spec in CHANNELS.items():
        address = spec.address_of(customer)
        to_readdress = Notification.objects.filter(pk__in=keys, channel=channel)
        to_readdress.update(address=address, **_status_by_reachability(channel, address))
