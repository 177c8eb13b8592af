"""The notification history: what was sent to whom, and whether it arrived."""

from __future__ import annotations

from datetime import timedelta

import django_filters
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from foundation.http.staff_pages import render_staff_page, staff_page
from notifications.models import Channel, ChannelState, Notification

PAGE_SIZE = 50


class HistoryFilter(django_filters.FilterSet):
    text = django_filters.CharFilter(method="filter_text", label="Name, address or reference")
    channel = django_filters.ChoiceFilter(choices=Channel.choices, empty_label="Any channel")
    status = django_filters.ChoiceFilter(choices=Notification.Status.choices, empty_label="Any status")
    since = django_filters.ChoiceFilter(
        method="filter_since",
        label="When",
        choices=[("today", "Today"), ("24", "Last 24 hours"), ("168", "Last 7 days"), ("720", "Last 30 days")],
        empty_label="Any time",
    )

    class Meta:
        model = Notification
        fields: list[str] = []

    def filter_text(self, rows: QuerySet[Notification], name: str, text: str) -> QuerySet[Notification]:
        return rows.filter(
            Q(booking__reference__iexact=text)
            | Q(address__icontains=text)
            | Q(provider_id=text)
            | Q(booking__customer__name__icontains=text)
        )

    def filter_since(self, rows: QuerySet[Notification], name: str, period: str) -> QuerySet[Notification]:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight if period == "today" else timezone.now() - timedelta(hours=int(period))
        return rows.filter(created_at__gte=start)


@staff_page("notifications.view_notification")
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """List the notifications, newest first. The filters are in the URL, so that a filtered list can be shared."""
    filter_set = HistoryFilter(request.GET, queryset=Notification.objects.for_history())
    rows = filter_set.qs if filter_set.is_valid() else Notification.objects.none()
    query = request.GET.copy()
    query.pop("page", None)
    return render_staff_page(
        request,
        "notifications/history.html",
        "Notifications",
        page=Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        form=filter_set.form,
        query=query.urlencode(),
        paused_channels=ChannelState.objects.paused(),
    )
