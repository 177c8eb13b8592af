"""Send messages again that did not arrive: one from its page, or several that are selected in the history."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST

from foundation.events import Actor
from foundation.http.staff_pages import render_staff_page, staff_page
from notifications.models import Notification
from notifications.operations.resend import NotResendable, obstacle_to_resend, resend_notification


@staff_page("notifications.resend_notification")
@require_POST
def resend_one(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Send a message again, and show the new one."""
    get_object_or_404(Notification, pk=notification_id)
    try:
        new = resend_notification(notification_id=notification_id, actor=Actor.from_user(request.user))
    except NotResendable as refusal:
        messages.warning(request, f"This message was not sent again. {refusal}")
        return redirect("notification-detail", notification_id)
    messages.success(request, "The message is queued again. This page shows the new one.")
    return redirect("notification-detail", new.pk)


@staff_page("notifications.resend_notification")
@require_POST
def resend_selected(request: HttpRequest) -> HttpResponse:
    """Show which of the selected messages can be sent again and why others cannot; once confirmed, send them."""
    selected = list(Notification.objects.for_history().filter(pk__in=_selected_ids(request)))
    if not selected:
        messages.error(request, "Please select at least one message.")
        return _redirect_to_history(request)
    if "confirmed" not in request.POST:
        checked = [(row, obstacle_to_resend(row)) for row in selected]
        return render_staff_page(
            request,
            "notifications/resend.html",
            "Send messages again",
            current=[row for row, obstacle in checked if not obstacle],
            refused=[(row, obstacle) for row, obstacle in checked if obstacle],
            query=_history_query(request),
        )
    sent = [row for row in selected if _is_resent(row, Actor.from_user(request.user))]
    messages.success(request, f"{len(sent)} message{pluralize(len(sent), ' is,s are')} queued again.")
    if len(sent) < len(selected):
        messages.warning(request, f"Not sent again: {len(selected) - len(sent)}.")
    return _redirect_to_history(request)


def _redirect_to_history(request: HttpRequest) -> HttpResponse:
    return redirect(f"{reverse('notification-history')}?{_history_query(request)}")


def _history_query(request: HttpRequest) -> str:
    """Return the query string of the list in which the messages were selected."""
    return QueryDict(request.POST.get("query", "")).urlencode()


def _selected_ids(request: HttpRequest) -> list[UUID]:
    ids = []
    for value in request.POST.getlist("notification"):
        try:
            ids.append(UUID(value))
        except ValueError:
            continue  # not one of our checkboxes
    return ids


def _is_resent(row: Notification, actor: Actor) -> bool:
    try:
        resend_notification(notification_id=row.pk, actor=actor)
    except NotResendable:
        return False
    return True
