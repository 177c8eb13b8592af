from datetime import timedelta

import pytest
from django.utils import timezone

from foundation.models import RateLimitCounter
from foundation.rate_limits.rate_limit import DAY, RateLimit
from tests.builders.retention import purge
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("uses", "allowed"), [(1, 10), (3, 3)])
def test_64_concurrent_callers_are_allowed_exactly_up_to_the_limit(uses, allowed):
    limit, results = RateLimit("attempts", 10, DAY), []

    errors = run_concurrently([lambda: results.append(limit.allows("caller", uses)) for _ in range(64)])

    assert errors == []
    assert (results.count(True), results.count(False)) == (allowed, 64 - allowed)


@pytest.mark.django_db(transaction=True)
def test_64_concurrent_networks_of_one_site_are_allowed_exactly_up_to_the_limit_of_the_site():
    limit, results = RateLimit("attempts", 2, DAY), []
    clients = [{f"network {number % 32}": 1, "site": 10} for number in range(64)]

    errors = run_concurrently([lambda client=client: results.append(limit.allows_client(client)) for client in clients])

    assert errors == []
    assert (results.count(True), results.count(False)) == (20, 44)


def test_uses_beyond_the_limit_of_a_network_do_not_count_for_its_site():
    limit = RateLimit("attempts", 1, DAY)
    for _ in range(20):
        limit.allows_client({"network": 1, "site": 10})

    assert limit.allows_client({"neighbour": 1, "site": 10})


def test_count_returns_the_uses_within_the_limit():
    limit = RateLimit("attempts", 10, DAY)

    assert limit.count({"a": 7, "b": 12}) == {"a": 7, "b": 10}
    assert limit.count({"a": 7}) == {"a": 3}
    assert limit.count({"a": 1}) == {"a": 0}


def test_undo_frees_one_use():
    limit = RateLimit("attempts", 1, DAY)
    limit.allows("caller")

    limit.undo("caller")

    assert [limit.allows("caller"), limit.allows("caller")] == [True, False]


def test_limit_of_zero_is_unlimited_and_counts_nothing():
    assert RateLimit("attempts", 0, DAY).allows("caller")
    assert not RateLimitCounter.objects.exists()


def test_purge_counters_deletes_counters_older_than_a_week():
    old = timezone.now() - timedelta(days=8)
    RateLimitCounter.objects.create(limit="attempts", key="a", since=old, count=1)
    RateLimit("attempts", 1, DAY).allows("a")

    assert purge(RateLimitCounter) == 1
    assert RateLimitCounter.objects.count() == 1
