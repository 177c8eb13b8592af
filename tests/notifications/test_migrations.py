"""Data migrations of notifications."""

from importlib import import_module

import pytest
from django.db import connection

from bookings.operations import confirm_booking
from notifications.models import Notification
from tests.builders.bookings import DESK, make_booking, make_service

FILL_EVENT = import_module("notifications.migrations.0005_event").FILL_EVENT


@pytest.mark.django_db
def test_migration_fills_event_from_dedupe_key():
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    events = dict(Notification.objects.values_list("pk", "event_id"))
    for notification in Notification.objects.exclude(event=None):
        notification.dedupe_key = f"{notification.event_id}:{notification.channel}:{notification.address}"
        notification.save(update_fields=["dedupe_key"])
    Notification.objects.update(event=None)

    with connection.cursor() as cursor:
        cursor.execute(FILL_EVENT)

    assert dict(Notification.objects.values_list("pk", "event_id")) == events
    assert {kind for kind, event in Notification.objects.values_list("kind", "event") if event is None} == {
        "booking_reminder"
    }
