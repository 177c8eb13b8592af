"""Data migrations of notifications."""

from importlib import import_module

import pytest
from django.db import connection

from bookings.operations import confirm_booking
from notifications.models import Notification
from tests.builders.bookings import DESK, make_booking, make_service

SUPERSEDE_OUTDATED = import_module("notifications.migrations.0007_superseding").SUPERSEDE_OUTDATED
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


@pytest.mark.django_db
def test_migration_supersedes_what_earlier_changes_made_outdated():
    booking = make_booking(make_service(reminder_minutes=[120]))
    Notification.objects.filter(channel="email").update(status="failed")
    confirm_booking(booking_id=booking.pk, actor=DESK)
    expected = _state()
    Notification.objects.filter(status="superseded").update(status="queued")
    Notification.objects.update(superseded_at=None)

    with connection.cursor() as cursor:
        cursor.execute(SUPERSEDE_OUTDATED)

    assert _state() == expected
    assert {row[1:] for row in expected} == {
        ("booking_requested", "superseded", True),
        ("booking_requested", "failed", True),
        ("booking_confirmed", "queued", False),
        ("booking_reminder", "queued", False),
    }


def _state():
    rows = Notification.objects.all()
    return {(row.pk, row.kind, row.status, row.superseded_at is not None) for row in rows}
