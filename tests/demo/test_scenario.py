from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper

from bookings.models import Service
from demo.scenario import Scenario

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_demo_with_changed_cutoffs_says_what_to_do(live_server, settings, sandbox):
    settings.DEBUG = True
    call_command("seed_demo")
    minutes = timedelta(days=60) // timedelta(minutes=1)
    Service.objects.filter(slug="consultation").update(reschedule_cutoff_minutes=minutes)
    output = StringIO()

    is_as_expected = Scenario(OutputWrapper(output), live_server.url, sandbox).show()

    *_, refusal, summary = output.getvalue().strip().split("\n\n")
    assert not is_as_expected
    assert "too_late_to_change" in refusal
    assert "run `make clean`" in summary
