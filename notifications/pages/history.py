"""The notification history: what was sent to whom, and whether it arrived."""

from __future__ import annotations

from datetime import datetime, timedelta

import django_filters
from django.db.models import Lookup
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from foundation.clock import database_now
from foundation.http.staff_pages import LongListPaginator, render_staff_page, staff_page
from notifications.channels import off_reasons
from notifications.models import Channel, ChannelState, Notification
from notifications.models.notification import SENT_OR_PLANNED_AT, NotificationQuerySet

PAGE_SIZE = 50
UNTIL_NOW: Lookup[bool] = LessThanOrEqual(SENT_OR_PLANNED_AT, Now())


class HistoryFilter(django_filters.FilterSet):
    text = django_filters.CharFilter(
        method="filter_text", max_length=100, label="Name, phone number, e-mail address or reference"
    )
    channel = django_filters.ChoiceFilter(choices=Channel.choices, empty_label="Any channel")
    status = django_filters.ChoiceFilter(choices=Notification.Status.choices, empty_label="Any status")
    since = django_filters.ChoiceFilter(
        method="filter_since",
        label="When",
        choices=[
            ("today", "Today"),
            ("24", "Last 24 hours"),
            ("168", "Last 7 days"),
            ("720", "Last 30 days"),
            ("planned", "Planned for later"),
        ],
        empty_label="Any time",
    )

    class Meta:
        model = Notification
        fields: list[str] = []

    def filter_text(self, rows: NotificationQuerySet, name: str, text: str) -> NotificationQuerySet:
        return rows.matching(text)

    def filter_since(self, rows: NotificationQuerySet, name: str, period: str) -> NotificationQuerySet:
        if period == "planned":
            return rows.filter(GreaterThan(SENT_OR_PLANNED_AT, Now()))
        if period == "today":  # the whole day, with the messages that are planned for later today
            midnight = timezone.localtime(database_now()).replace(hour=0, minute=0, second=0, microsecond=0)
            return rows.filter(_is_since(midnight), LessThan(SENT_OR_PLANNED_AT, midnight + timedelta(days=1)))
        return rows.filter(_is_since(database_now() - timedelta(hours=int(period))), UNTIL_NOW)

    @property
    def rows(self) -> NotificationQuerySet:
        """The filtered rows, or none if a value is invalid.

        Without any filter, the list ends now: the messages planned for the coming weeks would fill its first pages.
        """
        if not self.is_valid():
            return Notification.objects.none()
        rows: NotificationQuerySet = self.qs
        return rows if any(self.form.cleaned_data.values()) else rows.filter(UNTIL_NOW)


def _is_since(start: datetime) -> Lookup[bool]:
    return GreaterThanOrEqual(SENT_OR_PLANNED_AT, start)


@staff_page("notifications.view_notification")
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """List the notifications, newest first. The filters are in the URL, so that a filtered list can be shared."""
    filter_set = HistoryFilter(request.GET, queryset=Notification.objects.for_history())
    query = request.GET.copy()
    query.pop("page", None)
    page = LongListPaginator(filter_set.rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render_staff_page(
        request,
        "notifications/history.html",
        "Notifications",
        page=page,
        has_resendable=any(row.is_resendable for row in page),
        held_count=Notification.objects.filter(status=Notification.Status.HELD).count(),
        form=filter_set.form,
        query=query.urlencode(),
        channels_off=[f"{channel.label} {reason}" for channel, reason in off_reasons().items()],
        paused_channels=ChannelState.objects.paused(),
    )
