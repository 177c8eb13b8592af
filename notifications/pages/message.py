"""The page of one notification: its text, attempts and receipts, and the decision on one that is on hold."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from notifications.models import Notification
from notifications.operations.decide import Decision, decide_on_held
from notifications.operations.resend import obstacle_to_resend
from notifications.timeline import delivery_entries


@staff_page("notifications.view_notification")
@require_safe
def detail(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Show a notification with its attempts and receipts."""
    notification = get_object_or_404(
        Notification.objects.for_history()
        .select_related("booking__service__location")
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
        timeline=delivery_entries(notification),
        zone=notification.booking.zone,
    )


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
            "This message is no longer on hold: staff have already decided, or the provider has reported the result.",
        )
    return redirect("notification-detail", notification_id)
