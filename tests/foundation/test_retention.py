from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from django.utils import timezone

from foundation import retention
from foundation.background_tasks import housekeeping
from foundation.personal_data import registered_personal_data
from notifications.models import InboundMessage, Notification, Receipt
from payments.models import GatewayEvent
from tests.builders.bookings import make_booking
from tests.builders.retention import purge
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

DAYS = 30


def ago(days):
    return timezone.now() - timedelta(days=days)


@pytest.fixture(autouse=True)
def thirty_days(settings):
    for declaration in registered_personal_data():
        if declaration.retention:
            setattr(settings, declaration.retention.setting, DAYS)


def make_replies(*ages, provider="SM"):
    for number, days in enumerate(ages):
        row = InboundMessage.objects.create(provider_id=f"{provider}{number}", channel="sms", body="Hello", fields={})
        InboundMessage.objects.filter(pk=row.pk).update(received_at=ago(days))


def test_every_kind_of_data_has_a_retention():
    settings = {each.retention.setting for each in registered_personal_data() if each.retention}

    assert settings >= {
        "RETENTION_MESSAGE_TEXTS_DAYS",
        "RETENTION_INBOUND_MESSAGES_DAYS",
        "RETENTION_RECEIPTS_DAYS",
        "RETENTION_GATEWAY_EVENTS_DAYS",
        "RETENTION_IDEMPOTENCY_KEYS_DAYS",
        "RETENTION_SESSIONS_DAYS",
        "RETENTION_KNOWN_NETWORKS_DAYS",
        "RETENTION_COUNTERS_DAYS",
    }


def test_texts_of_settled_messages_are_blanked_and_the_messages_stay():
    make_booking()
    Notification.objects.update(created_at=ago(DAYS + 1), status="delivered")
    Notification.objects.filter(channel="sms").update(status="unknown", unknown_since=timezone.now())
    Notification.objects.filter(channel="whatsapp").update(created_at=ago(DAYS - 1))

    purged = purge(Notification)

    assert purged == 1
    texts = {row.channel: (bool(row.subject), bool(row.body)) for row in Notification.objects.all()}
    assert texts == {"email": (False, False), "sms": (False, True), "whatsapp": (False, True)}
    assert purge(Notification) == 0


def test_housekeeping_deletes_replies_and_applied_receipts_and_blanks_event_bodies():
    make_booking()
    make_replies(DAYS + 1, DAYS - 1)
    notification = Notification.objects.filter(channel="sms")[0]
    for status, applied_at in (("sent", timezone.now()), ("delivered", None)):
        fields = {"attempt_id": notification.pk, "provider_id": "SM1", "provider_status": status, "fields": {}}
        Receipt.objects.create(notification=notification, applied_at=applied_at, **fields)
    Receipt.objects.update(received_at=ago(DAYS + 1))
    for number, days in enumerate((DAYS + 1, DAYS - 1)):
        GatewayEvent.objects.create(event_id=f"evt_{number}", kind="x", body={}, received_at=ago(days))

    housekeeping()

    assert InboundMessage.objects.count() == 1
    assert list(Receipt.objects.values_list("provider_status", flat=True)) == ["delivered"]
    assert list(GatewayEvent.objects.order_by("pk").values_list("body", flat=True)) == [None, {}]


def test_retention_of_zero_days_keeps_the_rows(settings):
    settings.RETENTION_INBOUND_MESSAGES_DAYS = 0
    make_replies(1000)

    assert (purge(InboundMessage), InboundMessage.objects.count()) == (0, 1)


def test_purge_works_in_batches_until_its_time_is_over(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    make_replies(*[DAYS + 1] * 5)
    all_batches = purge(InboundMessage)
    make_replies(*[DAYS + 1] * 5)
    monkeypatch.setattr(retention, "MAX_SECONDS", 1e-9)

    assert all_batches == 5
    assert purge(InboundMessage) <= 2
    assert InboundMessage.objects.count() >= 3


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_the_same_moment_delete_each_row_once(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    make_replies(*[DAYS + 1] * 20)
    counts = []

    errors = run_concurrently([lambda: counts.append(purge(InboundMessage)) for _ in range(4)])

    assert (errors, sum(counts), InboundMessage.objects.count()) == ([], 20, 0)


@pytest.mark.django_db(transaction=True)
def test_purge_leaves_out_a_locked_row():
    make_replies(DAYS + 1, DAYS + 1)
    is_locked, is_purged, counts = Event(), Event(), []

    def hold_lock():
        with transaction.atomic():
            InboundMessage.objects.select_for_update().get(provider_id="SM0")
            is_locked.set()
            is_purged.wait(15)

    def purge_others():
        assert is_locked.wait(15)
        counts.append(purge(InboundMessage))
        is_purged.set()

    assert run_concurrently([hold_lock, purge_others]) == []
    assert (counts, InboundMessage.objects.get().provider_id) == ([1], "SM0")
