import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Attempt, Channel, ChannelState, Notification
from notifications.providers.base import ProviderRateLimited
from tests.builders.bookings import make_booking, make_service
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def test_claim_numbers_attempts_that_do_not_count_against_the_limit():
    make_notification()
    for _ in range(2):
        (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")
        record_outcomes([Outcome(message, Status.QUEUED, error=ProviderRateLimited("429"))])
        ChannelState.objects.update(paused_until=None)

    assert (list(Attempt.objects.values_list("number", flat=True)), Notification.objects.get().attempts) == ([1, 2], 0)


@pytest.mark.slow
def test_concurrent_claims_never_return_the_same_message():
    service = make_service(resources=10)
    for _ in range(10):
        make_booking(service)
    barrier, claimed = threading.Barrier(4), []

    def claim():
        barrier.wait()
        claimed.extend(
            claim_due_notifications(room=10 * len(Channel), in_flight={}, worker=threading.current_thread().name)
        )
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len({message.id for message in claimed}) == 10 * len(Channel)


@pytest.mark.slow
def test_claim_sets_status_and_lease_together():
    make_notification()
    claim_due_notifications(room=10, in_flight={}, worker="w")

    assert Notification.objects.filter(status=Status.SENDING, lease_until__gt=F("created_at")).count() == 1


def test_leases_of_killed_workers_beyond_a_lowered_limit_do_not_stop_the_claim(settings):
    """A killed worker had more senders than the settings allow now."""
    settings.LANE_CONCURRENCY, settings.DELIVERY_LANES = 1, 1
    service = make_service(resources=4)
    for _ in range(4):
        make_booking(service)
    sms_messages = Notification.objects.filter(channel="sms")
    Notification.objects.exclude(channel="sms").delete()
    leased = [notification.pk for notification in sms_messages[:3]]
    Notification.objects.filter(pk__in=leased).update(
        status=Status.SENDING, lease_token=uuid4(), lease_until=timezone.now() + timedelta(seconds=30)
    )

    claimed = claim_due_notifications(room=1, in_flight={}, worker="w")

    assert [message.id for message in claimed] == [sms_messages.exclude(pk__in=leased).get().pk]


def test_claim_after_more_attempts_than_a_smallint_counts():
    notification = make_notification()
    Attempt.objects.bulk_create(
        [
            Attempt(id=uuid4(), notification=notification, number=1, worker="w", started_at=timezone.now())
            for _ in range(32_767)
        ],
        batch_size=5_000,
    )

    (message,) = claim_due_notifications(room=10, in_flight={}, worker="w")

    assert Attempt.objects.get(pk=message.attempt_id).number == 32_768
