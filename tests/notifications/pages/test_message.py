from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from bookings.models import Service
from bookings.operations import cancel_booking, confirm_booking
from notifications.models import Attempt, Notification, Receipt
from notifications.timeline import message_entries
from tests.builders.accounts import make_staff
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.builders.notifications import make_notification, pause_channel

pytestmark = pytest.mark.django_db


def page_of(notification):
    return f"/notifications/{notification.pk}"


def make_notification_on_hold():
    return make_notification(status=Notification.Status.HELD, unknown_since=timezone.now(), attempts=1)


def test_message_page_shows_attempts_and_receipts_in_order(manager):
    notification = make_notification(status="accepted")
    now = timezone.now()
    for number, outcome in enumerate(["queued", "accepted"], start=1):
        Attempt.objects.create(
            id=uuid4(),
            notification=notification,
            number=number,
            worker="w",
            outcome=outcome,
            started_at=now + timedelta(minutes=number),
            ended_at=now + timedelta(minutes=number, seconds=2),
        )
    Receipt.objects.create(
        notification=notification, attempt_id=uuid4(), provider_id="SM1", provider_status="sent", fields={}
    )

    entries = manager.get(page_of(notification)).context["timeline"]

    assert [(entry.title, entry.status) for entry in entries] == [
        ("Queued", ""),
        ("Delivery receipt", "sent"),
        ("Attempt 1, 2.0 s", "not sent"),
        ("Attempt 2, 2.0 s", "accepted"),
    ]


@pytest.mark.parametrize(
    ("channel", "explanation"),
    [("sms", "We ask the provider before we send it again."), ("email", "Mail servers cannot be asked about it.")],
)
def test_message_page_explains_an_unknown_outcome(manager, channel, explanation):
    unknown = {"status": Notification.Status.UNKNOWN, "unknown_since": timezone.now()}

    content = manager.get(page_of(make_notification(channel=channel, **unknown))).content.decode()

    assert "This message may have been sent" in content
    assert explanation in content


def test_message_page_says_that_the_message_waits_for_a_paused_channel(manager):
    notification = make_notification(channel="sms")
    before = manager.get(page_of(notification)).content.decode()
    pause_channel("sms")

    content = manager.get(page_of(notification)).content.decode()

    assert "SMS is paused" not in before
    assert "so this message waits." in content


def test_timeline_of_a_planned_message_is_in_the_time_zone_of_the_location(manager):
    booking = make_booking(make_service(reminder_minutes=[120]))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reminder = Notification.objects.filter(kind="booking_reminder").first()

    entries = manager.get(page_of(reminder)).context["timeline"]

    planned_at = reminder.planned_at.astimezone(booking.zone)
    assert entries[0].detail == f"to be sent on {planned_at:%-d %b, %H:%M}"


def test_timeline_states_why_a_visitor_without_an_email_address_gets_no_email():
    visitor = {"name": "Asha", "phone": "+919812340003", "email": ""}

    details = {entry.title: entry.detail for entry in message_entries(make_booking(customer=visitor))}

    assert details["E-mail: booking requested"] == "The customer has no email address."
    assert details["SMS: booking requested"] == "to +919812340003"


def test_message_page_escapes_the_customer_name(manager):
    booking = make_booking(
        customer={"name": "<script>alert(1)</script>", "phone": "+919812340003", "email": "a@example.com"}
    )
    notification = Notification.objects.get(booking=booking, channel="whatsapp")

    assert "<script>alert(1)" not in manager.get(page_of(notification)).content.decode()


@pytest.mark.parametrize(
    ("decision", "status"), [("send_again", "queued"), ("arrived", "delivered"), ("leave", "cancelled")]
)
def test_resolve_carries_out_the_decision_on_a_message_on_hold(manager, decision, status):
    notification = make_notification_on_hold()
    is_offered = decision in manager.get(page_of(notification)).content.decode()

    manager.post(f"{page_of(notification)}/resolve", {"decision": decision})

    notification.refresh_from_db()
    assert (is_offered, notification.status) == (True, status)
    assert notification.error.startswith("staff manager decided")


def test_resolve_changes_nothing_when_the_message_is_no_longer_on_hold(manager):
    notification = make_notification(status=Notification.Status.QUEUED)

    response = manager.post(f"{page_of(notification)}/resolve", {"decision": "leave"}, follow=True)

    notification.refresh_from_db()
    assert notification.status == "queued"
    assert "no longer on hold" in response.content.decode()


def test_resolve_rejects_an_unknown_decision(manager):
    notification = make_notification_on_hold()

    response = manager.post(f"{page_of(notification)}/resolve", {"decision": "burn"}, follow=True)

    notification.refresh_from_db()
    assert notification.status == "held"
    assert "Please choose one of the options." in response.content.decode()


def test_resolve_is_forbidden_without_its_permission():
    view_only_user = make_staff("viewer", group=None)
    view_only_user.user_permissions.add(Permission.objects.get(codename="view_notification"))
    client = Client()
    client.force_login(view_only_user)
    notification = make_notification_on_hold()

    response = client.post(f"{page_of(notification)}/resolve", {"decision": "send_again"})

    notification.refresh_from_db()
    assert (response.status_code, notification.status) == (403, "held")
    assert 'value="send_again"' not in client.get(page_of(notification)).content.decode()


def test_message_page_previews_the_text_of_a_planned_reminder(manager):
    booking = make_booking(make_service(reminder_minutes=[120]), starts_at=slot(days=3))
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reminder = Notification.objects.get(kind="booking_reminder", channel="email")
    Service.objects.update(name="Check-up")

    queued_page = manager.get(page_of(reminder)).content.decode()
    cancel_booking(booking_id=booking.pk, actor=DESK)
    superseded_page = manager.get(page_of(reminder)).content.decode()

    assert "If it were sent now" in queued_page
    assert "Reminder: Check-up" in queued_page
    assert "it was never sent" in superseded_page
