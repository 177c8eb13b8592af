"""The state of each channel: how many messages may be in flight, and whether it is paused."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from notifications.models.channel import Channel
from notifications.models.notification import Notification
from notifications.models.off_period import OffPeriod


class ChannelStateQuerySet(models.QuerySet["ChannelState"]):
    def paused(self) -> QuerySet[Any]:
        """Return the paused channels that are in use, each with its backlog: the messages that wait for it."""
        due = Notification.objects.due().filter(channel=OuterRef("channel")).order_by().values("channel")
        count = Subquery(due.annotate(count=Count("*")).values("count"))
        off = OffPeriod.objects.filter(until__isnull=True).values("channel")
        paused = self.filter(paused_since__isnull=False).exclude(channel__in=off)
        return paused.annotate(backlog=Coalesce(count, 0)).order_by("channel")


class ChannelState(models.Model):
    """The state of a channel, shared by all lanes. ``limit``: how many messages may be in flight.

    ``failures`` counts the faults of the channel in a row, and ``paused_until`` is the end of the backoff after the
    last one. ``paused_since`` is set while the channel is paused: after the backoff, one message at a time (the probe)
    tests whether it works again.
    """

    class Cause(models.TextChoices):
        BROKEN = "broken", "Set-up fault"
        UNAVAILABLE = "unavailable", "Outage"
        RATE_LIMITED = "rate_limited", "Rate limit"
        UNCONFIRMED = "unconfirmed", "No confirmation"

    ADVICE = {
        Cause.BROKEN: (
            "Correct the settings of the channel and restart Daybook, or correct our account at the provider. "
            "Sending then resumes automatically."
        ),
        Cause.UNAVAILABLE: "Check that this host can reach the provider. Sending resumes automatically.",
        Cause.UNCONFIRMED: (
            "Find out why the provider does not confirm what it receives. Daybook tries one message every few minutes."
        ),
        Cause.RATE_LIMITED: "Sending resumes automatically. If it happens often, ask the provider for a higher limit.",
    }

    channel = models.CharField(max_length=10, choices=Channel.choices, primary_key=True)
    limit = models.PositiveIntegerField()
    slowed_at = models.DateTimeField(null=True, help_text="When the limit was last lowered.")
    failures = models.PositiveIntegerField(db_default=0, help_text="Faults of the channel in a row.")
    failed_at = models.DateTimeField(null=True, help_text="When the last fault of the channel was recorded.")
    recovered_at = models.DateTimeField(null=True, help_text="When it last worked again after a fault.")
    paused_since = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, help_text="The end of the backoff.")
    pause_cause = models.CharField(max_length=12, blank=True, db_default="", choices=Cause.choices)
    pause_reason = models.CharField(max_length=250, blank=True)

    objects = ChannelStateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="paused_means_with_cause",
                condition=Q(paused_since__isnull=True, pause_cause="")
                | Q(paused_since__isnull=False, paused_until__isnull=False, failures__gt=0) & ~Q(pause_cause=""),
                violation_error_message="A paused channel needs a cause, a number of failures and an end of the pause.",
            ),
        ]

    def __str__(self) -> str:
        return self.get_channel_display()

    @property
    def advice(self) -> str:
        """Return what staff can do about the pause."""
        return self.ADVICE[self.Cause(self.pause_cause)]
