import json

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, connection
from django.utils import timezone

from notifications.operations.off_periods import record_off_periods
from tests.builders.bookings import make_booking
from tests.builders.notifications import pause_channel


@pytest.mark.django_db
def test_health_check_is_never_cached(api):
    response = api.get("/healthz")

    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_health_check_shows_a_paused_channel_and_stays_healthy(api):
    before = api.get("/healthz").json()
    make_booking()
    since = timezone.now()
    pause_channel("email", since=since, reason="535 wrong password of user daybook")

    response = api.get("/healthz")

    paused = {"channel": "email", "pause_cause": "broken", "paused_since": since, "backlog": 1}
    assert before == {"status": "ok", "delivery": {"status": "ok", "paused": []}}
    assert (response.status_code, response.json()["delivery"]["status"]) == (200, "paused")
    assert response.json()["delivery"]["paused"] == json.loads(json.dumps([paused], cls=DjangoJSONEncoder))
    assert "password" not in response.content.decode()


@pytest.mark.django_db
def test_health_check_shows_no_pause_of_a_channel_that_is_off(api, settings):
    pause_channel("email")
    settings.CHANNELS_OFF = ["email"]
    record_off_periods()

    assert api.get("/healthz").json()["delivery"] == {"status": "ok", "paused": []}


@pytest.mark.django_db
def test_health_check_without_a_database_is_503(api, monkeypatch):
    def refuse():
        raise InterfaceError("connection already closed")

    monkeypatch.setattr("django.db.connection.cursor", refuse)

    response = api.get("/healthz")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE notifications_channelstate RENAME COLUMN paused_since TO renamed",
        "ALTER TABLE foundation_ratelimitcounter RENAME TO renamed",
    ],
)
def test_health_check_with_the_schema_of_an_earlier_version_is_503(api, caplog, settings, change):
    settings.LIMIT_REQUESTS_PER_MINUTE = 1
    with connection.cursor() as cursor:
        cursor.execute(change)

    response = api.get("/healthz")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert "manage.py migrate" in caplog.text
