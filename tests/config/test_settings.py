"""Settings are read once, when a process starts: so each case is a process of its own."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from runtime.processes import ROOT, manage_command
from tests.processes import database_url

pytestmark = pytest.mark.django_db

EARLIER_NAMES = {"DRAIN_SLOTS", "DRAIN_CONCURRENCY"}  # still read, where the new name is missing


def check(**environment):
    """Start Daybook with these settings and no others."""
    return subprocess.run(
        manage_command("check"),
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": database_url(), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("secret", ["", "secret", "a" * 60, "change-me"])
def test_production_refuses_to_start_with_a_weak_secret_and_says_how_to_make_one(secret):
    started = check(SECRET_KEY=secret, DEBUG="0")

    assert started.returncode != 0
    assert "SECRET_KEY is missing or weak" in started.stderr
    assert "secrets.token_urlsafe" in started.stderr


def test_production_starts_with_a_strong_secret():
    assert check(SECRET_KEY="k3Jx9QmVb7Tz2LwYp5RdHn8CsGf4", DEBUG="0").returncode == 0


def test_the_example_names_every_setting_that_is_read_and_no_other():
    sources = "".join(path.read_text() for path in (ROOT / "config/settings").glob("*.py"))
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', sources))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))

    assert named == read - EARLIER_NAMES


def test_the_queue_lives_in_the_bookings_own_database():
    """With any other alias, queueing a job inside a booking's transaction closes its connection and loses it."""
    assert settings.Q_CLUSTER["orm"] == "default"


def test_the_environment_file_has_no_comment_behind_a_value():
    """It would become a part of the value."""
    lines = Path(ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if not line.startswith("#") and "#" in line] == []
