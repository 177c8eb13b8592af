"""Resend messages that did not arrive: each as a new notification, because the old one's status is final."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bookings.models import Booking
from foundation.clock import database_now
from foundation.events import Actor
from notifications.channels import CHANNELS, off_reasons
from notifications.jobs import wake_lanes
from notifications.messages.kinds import KINDS, MessageKind, Topic
from notifications.messages.render import Amount, render_message
from notifications.models import Channel, Notification, Suppression
from notifications.operations.suppressions import lift_unreachable
from payments.models import Refund

Status = Notification.Status


class NotResendable(Exception):
    """The message cannot be sent again; the text says why, for staff."""


@transaction.atomic
def resend_notification(*, notification_id: UUID, actor: Actor) -> Notification:
    """Queue the message again, with current data and to the current address; return the new notification.

    A second call returns the same one. If a provider did not know the address, messages to it resume: staff have
    checked it. Raises NotResendable if the message is no longer current.
    """
    old = Notification.objects.for_history().get(pk=notification_id)
    # A change of the booking waits, and then supersedes the new message as well.
    old.booking = Booking.objects.select_for_update(no_key=True, of=("self",)).get(pk=old.booking_id)
    obstacle = obstacle_to_resend(Notification.objects.get(pk=notification_id))
    existing = Notification.objects.filter(resend_of=old).first()
    if existing is not None:
        return existing
    if obstacle:
        raise NotResendable(obstacle)
    channel, kind = Channel(old.channel), MessageKind(old.kind)
    lift_unreachable(channel=channel, address=CHANNELS[channel].address_of(old.booking.customer))
    message = render_message(kind, channel, old.booking, _refund_amount(old))
    new = Notification.objects.create(
        # The key begins with the cause's, so that what supersedes the old message supersedes the new one, too.
        dedupe_key=f"{_cause_id(old)} {kind.value}:resend of {old.pk}",
        resend_of=old,
        resent_by=str(actor),
        kind=kind,
        channel=channel,
        booking=old.booking,
        event_id=old.event_id,
        address=message.address,
        subject=message.subject,
        body=message.body,
        expires_at=_expiry(old),
        # A reminder keeps its place among the planned ones, by which changed settings find it.
        **({"planned_at": old.planned_at} if kind == MessageKind.BOOKING_REMINDER else {}),
    )
    wake_lanes()
    return new


def obstacle_to_resend(notification: Notification) -> str:
    """Return why the message cannot be sent again, or an empty string."""
    channel = Channel(notification.channel)
    address = CHANNELS[channel].address_of(notification.booking.customer)
    if notification.status not in Notification.RESENDABLE:
        return "Only messages that failed, expired or were not delivered can be sent again."
    if Notification.objects.filter(resend_of=notification).exists():
        return "It has already been sent again."
    if notification.superseded_at or _has_later_change(notification):
        return "A later change made it outdated."
    if _expiry(notification) <= database_now():
        return "It is too late for this message."
    opted_out = Suppression.objects.filter(channel=channel, address=address, reason=Suppression.Reason.OPTED_OUT)
    if opted_out.exists():
        return "The customer has opted out of this channel."
    if _has_arrived(notification):
        return "It has arrived after all: the provider has reported it since."
    if off_reason := off_reasons().get(channel):
        return f"{channel.label} {off_reason}."
    return CHANNELS[channel].unreachable_reason(address)


def _has_arrived(notification: Notification) -> bool:
    """Return whether a receipt reports that an attempt that seemed to have failed has arrived."""
    translate = CHANNELS[Channel(notification.channel)].translate_receipt
    if translate is None or notification.status == Status.UNDELIVERED:
        return False
    meanings = [translate(receipt.provider_status, receipt.error_code) for receipt in notification.receipts.all()]
    return any(meaning.status in (Status.DELIVERED, Status.READ) for meaning in meanings)


def _has_later_change(notification: Notification) -> bool:
    """Return whether the situation has changed since the message was written.

    Changes mark the messages that are not accepted at that time. This finds the others, which a provider accepted and
    did not deliver.
    """
    if KINDS[MessageKind(notification.kind)].topic == Topic.REFUND:
        if Refund.objects.filter(pk=_cause_id(notification), state=Refund.State.FAILED).exists():
            return True
        same_refund = Q(booking=notification.booking_id, dedupe_key__startswith=f"{_cause_id(notification)} ")
        later = Notification.objects.filter(same_refund, channel=notification.channel).exclude(kind=notification.kind)
        return later.filter(created_at__gt=notification.created_at).exists()
    events, cause_id = notification.booking.events, str(notification.event_id or _cause_id(notification))
    cause = events.filter(pk=int(cause_id)).first() if cause_id.isdigit() else None
    later_events = events.filter(seq__gt=cause.seq) if cause else events.filter(at__gt=notification.created_at)
    return later_events.exists()


def _expiry(notification: Notification) -> datetime:
    """Return when the new message expires: a reminder when the next one is due, others by the rule of their kind."""
    if notification.kind == MessageKind.BOOKING_REMINDER and notification.expires_at:
        return notification.expires_at
    return KINDS[MessageKind(notification.kind)].expires_at(notification.booking)


def _refund_amount(notification: Notification) -> Amount | None:
    if KINDS[MessageKind(notification.kind)].topic != Topic.REFUND:
        return None
    refund = Refund.objects.get(pk=_cause_id(notification))
    return Amount(refund.amount_minor, refund.currency)


def _cause_id(notification: Notification) -> str:
    return notification.dedupe_key.partition(" ")[0]
