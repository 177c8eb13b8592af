"""The page of one notification: its text, attempts and receipts, and the decision on one that is on hold."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from notifications.channels import CHANNELS
from notifications.messages.kinds import KINDS, MessageKind
from notifications.messages.render import Message, render_message
from notifications.models import Channel, ChannelState, Notification
from notifications.operations.decide import Decision, decide_on_held
from notifications.operations.resend import obstacle_to_resend
from notifications.timeline import delivery_entries


@staff_page("notifications.view_notification")
@require_safe
def detail(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Show a notification with its attempts and receipts."""
    notification = get_object_or_404(
        Notification.objects.for_history()
        .select_related("booking__service__location", "booking__resource")
        .prefetch_related("attempt_log", "receipts"),
        pk=notification_id,
    )
    return render_staff_page(
        request,
        "notifications/detail.html",
        str(notification),
        row=notification,
        booking=notification.booking,
        decisions=Decision.choices,
        obstacle=obstacle_to_resend(notification) if notification.is_resendable else "",
        preview=_preview(notification),
        has_lookup=CHANNELS[Channel(notification.channel)].look_up is not None,
        pause=_pause(notification),
        timeline=delivery_entries(notification),
        zone=notification.booking.zone,
    )


def _pause(notification: Notification) -> ChannelState | None:
    """Return the state of the paused channel for which the message waits, or None."""
    if notification.status != Notification.Status.QUEUED or not notification.is_due:
        return None
    return ChannelState.objects.paused().filter(channel=notification.channel).first()


def _preview(notification: Notification) -> Message | None:
    """Return the text that a planned message would have if it were sent now, or None for other messages."""
    kind = MessageKind(notification.kind)
    if notification.status != Notification.Status.QUEUED or not KINDS[kind].is_rendered_when_sent:
        return None
    return render_message(kind, Channel(notification.channel), notification.booking)


@staff_page("notifications.resolve_notification")
@require_POST
def resolve(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Carry out a decision about a notification on hold."""
    value = request.POST.get("decision", "")
    if value not in Decision.values:
        messages.error(request, "Please choose one of the options.")
    elif decide_on_held(notification_id=notification_id, decision=Decision(value), actor=Actor.from_user(request.user)):
        messages.success(request, f"Done: {Decision(value).label.lower()}.")
    else:
        messages.warning(
            request,
            "This message is no longer on hold: staff have already decided, the provider has reported the result, or a "
            "later change made the message outdated.",
        )
    return redirect("notification-detail", notification_id)
