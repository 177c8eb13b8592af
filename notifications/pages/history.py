"""The notification history: what was sent to whom, and whether it arrived."""

from __future__ import annotations

from datetime import timedelta

import django_filters
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from notifications.models import ChannelState, Notification

PAGE_SIZE = 50


class HistoryFilter(django_filters.FilterSet):
    text = django_filters.CharFilter(method="with_text", label="Name, address or reference")
    channel = django_filters.ChoiceFilter(choices=Notification.Channel.choices, empty_label="Any channel")
    status = django_filters.ChoiceFilter(choices=Notification.Status.choices, empty_label="Any status")
    since = django_filters.ChoiceFilter(
        method="since_then",
        label="When",
        choices=[("today", "Today"), ("24", "Last 24 hours"), ("168", "Last 7 days"), ("720", "Last 30 days")],
        empty_label="Any time",
    )

    class Meta:
        model = Notification
        fields: list[str] = []

    def with_text(self, rows: QuerySet[Notification], name: str, text: str) -> QuerySet[Notification]:
        return rows.filter(
            Q(booking__reference__iexact=text)
            | Q(address__icontains=text)
            | Q(provider_id=text)
            | Q(booking__customer__name__icontains=text)
        )

    def since_then(self, rows: QuerySet[Notification], name: str, span: str) -> QuerySet[Notification]:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight if span == "today" else timezone.now() - timedelta(hours=int(span))
        return rows.filter(created_at__gte=start)


@staff_member_required
@permission_required("notifications.view_notification", raise_exception=True)
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """List what was sent, newest first; the filters are in the URL, so a view can be shared."""
    found = HistoryFilter(request.GET, queryset=Notification.objects.for_history())
    rows = found.qs if found.is_valid() else Notification.objects.none()
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        **admin.site.each_context(request),
        "page": page,
        "form": found.form,
        "query": query.urlencode(),
        "title": "Notifications",
        "zone": timezone.get_current_timezone(),
        "paused": ChannelState.objects.filter(paused_until__gt=timezone.now()),
    }
    return render(request, "notifications/history.html", context)
