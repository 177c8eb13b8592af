import pytest
from django.db import InterfaceError


@pytest.mark.django_db
def test_health_check_is_never_cached(api):
    response = api.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def test_health_check_without_a_database_is_503(api, monkeypatch):
    def refuse():
        raise InterfaceError("connection already closed")

    monkeypatch.setattr("monitoring.health.connection.cursor", refuse)

    response = api.get("/healthz")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
