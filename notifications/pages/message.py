"""The page of one notification: its text, attempts and receipts, and the decision on one that is on hold."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from foundation.events import Actor, ActorKind
from notifications.models import Notification
from notifications.operations.decide import Decision, decide_on_held
from notifications.timeline import delivery_entries


@staff_member_required
@permission_required("notifications.resolve_notification", raise_exception=True)
@require_POST
def resolve(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Carry out what a person decided of a held message, and show the message again."""
    wanted = request.POST.get("decision", "")
    if wanted not in Decision.values:
        messages.error(request, "Choose one of the three.")
    elif decide_on_held(
        notification_id=notification_id,
        decision=Decision(wanted),
        actor=Actor(ActorKind.STAFF, request.user.get_username()),
    ):
        messages.success(request, f"{Decision(wanted).label}: noted.")
    else:
        messages.warning(request, "It is not held any more: somebody or a report of the provider was faster.")
    return redirect("notification-detail", notification_id)


@staff_member_required
@permission_required("notifications.view_notification", raise_exception=True)
@require_safe
def detail(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Show one message: its words, each try at sending it, and what the provider reported."""
    notification = get_object_or_404(
        Notification.objects.for_history()
        .select_related("booking__service__location")
        .prefetch_related("tries", "receipts"),
        pk=notification_id,
    )
    context = {
        **admin.site.each_context(request),
        "row": notification,
        "title": str(notification),
        "booking": notification.booking,
        "decisions": Decision.choices,
        "timeline": delivery_entries(notification),
        "zone": notification.booking.zone,
    }
    return render(request, "notifications/detail.html", context)
