"""Let planned reminders follow the reminder settings of their services.

The settings are compared, because they can be changed in many ways: in the admin, in a shell, by a migration.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from bookings.models import Booking, Service
from foundation.models import PeriodicTask
from notifications.models import ReminderSettings
from notifications.models.reminder_settings import SETTLE
from notifications.reminders import replan_reminders

FOLLOW_SETTINGS = "reminder settings"
INTERVAL = timedelta(minutes=1)
BATCH = 100


def follow_reminder_settings() -> int:
    """Plan the reminders of up to BATCH bookings of a service again, if its settings have changed; return how many.

    Thousands of bookings take several calls; the next one continues where this one ended.
    """
    note_changed_settings()
    due = ReminderSettings.objects.filter(replan_at__lte=Now()).order_by("replan_at").first()
    if due is None:
        return 0
    bookings = Booking.objects.filter(service=due.service_id, status=Booking.Status.CONFIRMED, starts_at__gt=Now())
    remaining = bookings.filter(pk__gt=due.last_booking or UUID(int=0))
    keys = list(remaining.order_by("pk").values_list("pk", flat=True)[:BATCH])
    for key in keys:
        _replan(key, due.revision)
    is_last = len(keys) < BATCH
    progress: dict[str, object] = {"replan_at": None} if is_last else {"last_booking": keys[-1]}
    # Unless the settings have changed again meanwhile: then all bookings are due again.
    ReminderSettings.objects.filter(pk=due.pk, revision=due.revision).update(**progress)
    PeriodicTask.objects.filter(name=FOLLOW_SETTINGS).update(due_at=Now())
    return len(keys)


def note_changed_settings() -> None:
    """Make the bookings of each service due whose reminder settings differ from those that its reminders follow."""
    known = dict(ReminderSettings.objects.values_list("service_id", "minutes"))
    for service_id, minutes in Service.objects.values_list("pk", "reminder_minutes"):
        if service_id not in known:
            row = ReminderSettings(service_id=service_id, minutes=minutes, replan_at=Now() + SETTLE)
            ReminderSettings.objects.bulk_create([row], ignore_conflicts=True)
        elif known[service_id] != minutes:
            ReminderSettings.objects.filter(pk=service_id).replan(minutes=minutes)


@transaction.atomic
def _replan(booking_id: UUID, revision: int) -> None:
    locked = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("service", "customer")
    booking = locked.get(pk=booking_id)
    if booking.status == Booking.Status.CONFIRMED:
        replan_reminders(booking, revision=revision)
