"""Planned reminders follow the reminder settings of their service."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bookings.models import Booking, Service
from bookings.operations import cancel_booking, confirm_booking, reschedule_booking
from foundation.background_tasks import prepare_periodic_tasks, run_due_tasks
from foundation.models import PeriodicTask
from notifications import reminder_settings
from notifications.models import Notification, ReminderSettings
from notifications.reminder_settings import FOLLOW_SETTINGS, follow_reminder_settings, note_changed_settings
from notifications.reminders import replan_reminders
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.threads import is_waiting_for_lock, wait_until

pytestmark = pytest.mark.django_db


def make_confirmed_bookings(count=1, reminder_minutes=(120,)):
    service = make_service(resources=count, reminder_minutes=list(reminder_minutes))
    bookings = [make_booking(service, starts_at=slot(days=3)) for _ in range(count)]
    note_changed_settings()
    ReminderSettings.objects.update(replan_at=None)
    return [confirm_booking(booking_id=booking.pk, actor=DESK) for booking in bookings]


def change_settings(minutes):
    Service.objects.update(reminder_minutes=minutes)  # as a shell or a migration would


def follow():
    """Follow the settings until nothing is due."""
    note_changed_settings()
    while ReminderSettings.objects.filter(replan_at__isnull=False).exists():
        ReminderSettings.objects.filter(replan_at__isnull=False).update(replan_at=timezone.now())
        follow_reminder_settings()


def reminders(booking, **fields):
    return Notification.objects.filter(booking=booking, kind="booking_reminder", channel="sms", **fields)


def lead_times(booking):
    """Return the minutes before the visit of each queued reminder."""
    due_times = reminders(booking, status="queued").values_list("due_at", flat=True)
    return sorted(int((booking.starts_at - due_at).total_seconds() / 60) for due_at in due_times)


@contextmanager
def settings_followed_before_commit():
    """Let another thread follow the settings after the block, until it waits for the changes that the block has made.

    They are committed then, and the thread finishes.
    """

    def follow_and_disconnect():
        follow_reminder_settings()
        connection.close()

    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            yield
            following = executor.submit(follow_and_disconnect)
            wait_until(is_waiting_for_lock)
        following.result()


@pytest.mark.parametrize("minutes", [[60], [24 * 60, 120], [24 * 60, 60], []])
def test_planned_reminders_follow_changed_settings(minutes):
    (booking,) = make_confirmed_bookings()

    change_settings(minutes)
    follow()

    assert lead_times(booking) == sorted(minutes)


def test_unchanged_reminders_are_kept_and_expire_when_the_next_is_due():
    (booking,) = make_confirmed_bookings(reminder_minutes=[24 * 60, 120])
    unchanged = reminders(booking).get(planned_at=booking.starts_at - timedelta(hours=24))

    change_settings([24 * 60, 180])
    follow()

    unchanged.refresh_from_db()
    assert (unchanged.status, unchanged.expires_at) == ("queued", booking.starts_at - timedelta(minutes=180))


def test_settings_that_are_changed_and_changed_back_restore_the_reminders():
    (booking,) = make_confirmed_bookings()

    for minutes in ([60], [120], [60], [120]):
        change_settings(minutes)
        follow()

    assert lead_times(booking) == [120]


def test_planning_again_twice_for_one_change_changes_nothing_more():
    (booking,) = make_confirmed_bookings()
    change_settings([60])
    booking.refresh_from_db()
    booking.service.refresh_from_db()

    for _ in range(2):
        replan_reminders(booking, revision=2)

    assert Counter(reminders(booking).values_list("status", flat=True)) == {"superseded": 1, "queued": 1}


def test_reminders_already_sent_or_due_in_the_past_are_not_planned():
    (booking,) = make_confirmed_bookings(reminder_minutes=[24 * 60, 120])
    start = timezone.now() + timedelta(hours=3)
    reminders(booking).filter(planned_at=booking.starts_at - timedelta(hours=24)).update(
        status="accepted", accepted_at=timezone.now(), planned_at=start - timedelta(hours=24)
    )
    reminders(booking, status="queued").update(planned_at=start - timedelta(hours=2), due_at=start - timedelta(hours=2))
    Booking.objects.update(starts_at=start, ends_at=start + timedelta(minutes=30))

    change_settings([48 * 60, 24 * 60, 60])
    follow()

    booking.refresh_from_db()
    assert lead_times(booking) == [60]
    assert Counter(reminders(booking).values_list("status", flat=True)) == {"accepted": 1, "superseded": 1, "queued": 1}


def test_bookings_that_are_not_confirmed_or_in_the_past_get_no_reminders():
    requested = make_booking(make_service(reminder_minutes=[120]), starts_at=slot(days=3))
    cancelled = make_booking(starts_at=slot(days=4))
    cancel_booking(booking_id=cancelled.pk, actor=DESK)

    change_settings([60])
    follow()

    assert not reminders(requested).exists()
    assert not reminders(cancelled).exists()


def test_booking_rescheduled_after_the_change_keeps_its_reminders():
    (booking,) = make_confirmed_bookings()
    change_settings([60])
    note_changed_settings()
    booking = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=5), actor=DESK)

    follow()

    assert lead_times(booking) == [60]
    assert Counter(reminders(booking).values_list("status", flat=True)) == {"superseded": 1, "queued": 1}


def test_bookings_are_planned_again_in_batches_each_continuing_where_the_last_ended(monkeypatch):
    monkeypatch.setattr(reminder_settings, "BATCH", 2)
    bookings = make_confirmed_bookings(5)
    change_settings([60])
    note_changed_settings()
    ReminderSettings.objects.update(replan_at=timezone.now())

    counts = [follow_reminder_settings() for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert [lead_times(booking) for booking in bookings] == [[60]] * 5


def test_settings_changed_again_during_the_batches_start_from_the_beginning(monkeypatch):
    monkeypatch.setattr(reminder_settings, "BATCH", 2)
    bookings = make_confirmed_bookings(3)
    change_settings([60])
    note_changed_settings()
    ReminderSettings.objects.update(replan_at=timezone.now())
    follow_reminder_settings()

    change_settings([30])
    follow()

    assert [lead_times(booking) for booking in bookings] == [[30]] * 3


@pytest.mark.django_db(transaction=True)
def test_settings_changed_again_while_bookings_are_planned_are_followed_again():
    make_confirmed_bookings()
    change_settings([60])
    note_changed_settings()
    ReminderSettings.objects.update(replan_at=timezone.now())

    with settings_followed_before_commit():
        change_settings([30])
        note_changed_settings()

    assert ReminderSettings.objects.get().replan_at is not None


@pytest.mark.django_db(transaction=True)
def test_booking_cancelled_after_it_was_listed_gets_no_reminders():
    (booking,) = make_confirmed_bookings()
    change_settings([60])
    note_changed_settings()
    ReminderSettings.objects.update(replan_at=timezone.now())

    with settings_followed_before_commit():
        cancel_booking(booking_id=booking.pk, actor=DESK)

    assert not reminders(booking, status="queued").exists()


def test_a_change_waits_until_transactions_that_read_the_earlier_settings_have_ended():
    make_confirmed_bookings()
    change_settings([60])

    assert follow_reminder_settings() == 0
    assert ReminderSettings.objects.get().replan_at > timezone.now() + timedelta(seconds=20)


@pytest.mark.django_db(transaction=True)
def test_the_worker_lets_reminders_follow_the_settings():
    (booking,) = make_confirmed_bookings()
    change_settings([60])
    prepare_periodic_tasks()

    run_due_tasks()
    ReminderSettings.objects.update(replan_at=timezone.now())
    PeriodicTask.objects.filter(name=FOLLOW_SETTINGS).update(due_at=timezone.now())
    run_due_tasks()

    assert lead_times(booking) == [60]


def test_booking_confirmed_while_the_settings_were_changed_for_a_moment_follows_the_restored_ones():
    make_confirmed_bookings(reminder_minutes=[1440])
    service = Service.objects.get()
    change_settings([14])
    booking = make_booking(Service.objects.get(), starts_at=slot(days=3, hour=15))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    change_settings([1440])

    follow()

    booking.service = service
    assert lead_times(booking) == [1440]
