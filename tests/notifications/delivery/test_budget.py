from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from foundation.models import RateLimitCounter
from notifications.channels import CHANNELS
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Attempt, Channel, ChannelState, Notification
from notifications.providers.base import ProviderRateLimited
from tests.builders.bookings import CUSTOMER, make_booking, make_service
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db


def claim():
    return claim_due_notifications(room=100, in_flight={}, worker="w")


def count_by_status(**fields):
    return Counter(Notification.objects.filter(**fields).values_list("channel", "status"))


def book(count, **customer):
    service = make_service(resources=count, slug=f"service-{Notification.objects.count()}")
    for _ in range(count):
        make_booking(service, customer={**CUSTOMER, **customer})


def test_number_budget_skips_further_messages_with_the_reason(settings):
    settings.LIMIT_MESSAGES_PER_NUMBER = 2
    book(3)

    claimed = claim()

    assert Counter(message.channel for message in claimed) == {"sms": 2, "whatsapp": 2, "email": 3}
    skipped = Notification.objects.get(channel="sms", status="skipped")
    assert skipped.error == "This number has reached the limit of 2 messages a day."
    assert Attempt.objects.get(notification=skipped).outcome == "skipped"


def test_address_budget_ignores_the_case_of_the_address(settings):
    settings.LIMIT_EMAILS_PER_ADDRESS = 2
    for number, email in enumerate(["meera@example.com", "Meera@example.com", "meera@example.com", "ravi@example.com"]):
        book(1, phone=f"+91981234000{number}", email=email)

    claimed = claim()

    assert Counter(message.channel for message in claimed) == {"sms": 4, "whatsapp": 4, "email": 3}
    assert Notification.objects.get(status="skipped").error == "This address has reached the limit of 2 messages a day."


def test_number_budget_is_per_number_and_per_day(settings):
    settings.LIMIT_MESSAGES_PER_NUMBER = 1
    book(1)
    claim()
    book(1, phone="+919812340009")

    claimed_for_another_number = claim()
    RateLimitCounter.objects.update(since=timezone.now() - timedelta(days=2))
    book(1)

    assert (len(claimed_for_another_number), len(claim())) == (3, 3)


def test_budget_counts_a_retried_message_once(settings):
    settings.LIMIT_MESSAGES_PER_NUMBER = 1
    book(1)
    for _ in range(3):
        error = ProviderRateLimited("Too many requests")
        record_outcomes([Outcome(message, Notification.Status.QUEUED, error=error) for message in claim()])
        ChannelState.objects.update(paused_until=None, paused_since=None, pause_cause="")

    assert len(claim()) == 3


def test_all_other_countries_share_one_budget(settings):
    settings.LIMIT_MESSAGES_ABROAD, settings.LIMIT_MESSAGES_AT_HOME = 3, 5
    settings.MESSAGE_COUNTRIES = ["*"]
    for number in range(3):
        book(1, phone=f"+91981234000{number}")
        book(1, phone=f"+4915112345{number:03}")
        book(1, phone=f"+33612345{number:03}")

    claimed = claim()

    is_home = Counter(message.address[:3] == "+91" for message in claimed if CHANNELS[message.channel].is_charged)
    assert is_home == {True: 5, False: 3}
    assert Notification.objects.filter(
        status="skipped", error="All numbers of other countries together have reached the limit of 3 messages a day."
    ).exists()


def test_number_with_the_code_of_the_home_country_may_be_abroad(settings):
    settings.PHONE_REGION, settings.MESSAGE_COUNTRIES = "US", ["*"]
    settings.LIMIT_MESSAGES_ABROAD = 1
    book(1, phone="+18765550123")  # Jamaica
    book(1, phone="+12125550123")

    claimed = claim()

    charged = Counter(message.address for message in claimed if CHANNELS[message.channel].is_charged)
    assert charged == {"+18765550123": 1, "+12125550123": 2}


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "notifications.delivery.budget"]


@pytest.mark.parametrize(
    ("setting", "phone"), [("LIMIT_MESSAGES_ABROAD", "+4915112345"), ("LIMIT_MESSAGES_AT_HOME", "+919812345")]
)
def test_budget_that_is_used_to_80_percent_is_logged_once(settings, caplog, setting, phone):
    setattr(settings, setting, 10)
    settings.MESSAGE_COUNTRIES = ["*"]
    seen = []
    for number in range(6):
        book(1, phone=f"{phone}{number:03}")
        claim()
        seen.append(len(warnings_of(caplog)))

    assert seen == [0, 0, 0, 1, 1, 1]  # an SMS and a WhatsApp message each
    assert "80 % of today's budget of 10 messages" in warnings_of(caplog)[0]
    assert setting in warnings_of(caplog)[0]


def test_message_over_its_number_budget_does_not_use_the_country_budget(settings):
    settings.LIMIT_MESSAGES_PER_NUMBER, settings.LIMIT_MESSAGES_AT_HOME = 1, 4
    book(3)
    book(1, phone="+919812340009")

    claimed = claim()

    assert Counter(message.channel for message in claimed) == {"sms": 2, "whatsapp": 2, "email": 4}


@pytest.mark.django_db(transaction=True)
def test_budget_is_shared_by_concurrent_claims(settings):
    settings.LIMIT_MESSAGES_PER_NUMBER = 7
    book(12)
    claimed = []

    errors = run_concurrently(
        [lambda: claimed.extend(claim_due_notifications(room=6, in_flight={}, worker="w")) for _ in range(8)]
    )
    claimed += claim()

    assert errors == []
    assert Counter(message.channel for message in claimed)[Channel.SMS] == 7
    assert count_by_status(channel="sms") == {("sms", "sending"): 7, ("sms", "skipped"): 5}
