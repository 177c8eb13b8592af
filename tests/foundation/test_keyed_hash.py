import pytest

from foundation.keyed_hash import keyed_hash, keyed_hashes

OLD, NEW = "the old key abcdefghijklmnopqrstuvwxyz", "the new key abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def stored_hash(settings):
    """A hash that was stored before the key was rotated."""
    settings.SECRET_KEY = OLD
    value = keyed_hash("caller", "address 203.0.113.9")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    return value


def test_keyed_hashes_include_that_of_the_earlier_key_after_the_current_one(stored_hash):
    current, earlier = keyed_hashes("caller", "address 203.0.113.9")

    assert (keyed_hash("caller", "address 203.0.113.9"), stored_hash) == (current, earlier)
    assert current != earlier


def test_keyed_hashes_differ_by_purpose_and_value(stored_hash):
    others = [*keyed_hashes("customer", "address 203.0.113.9"), *keyed_hashes("caller", "address 203.0.113.8")]

    assert stored_hash not in others
    assert len(set(others)) == 4
