import pytest
from django.db import IntegrityError

from bookings.exceptions import SlotTaken
from bookings.operations.rules import translate_slot_conflicts
from tests.builders.bookings import make_booking, make_service, slot

pytestmark = pytest.mark.django_db


def test_translate_slot_conflicts_turns_an_overlap_into_slot_taken_with_alternatives():
    service = make_service()
    blocked = make_booking(service, starts_at=slot(hour=10)).allocations.get().blocked
    other = make_booking(service, starts_at=slot(hour=15))

    with pytest.raises(SlotTaken) as refusal, translate_slot_conflicts(service, slot(hour=10), None, party_size=1):
        other.allocations.update(blocked=blocked)

    assert refusal.value.alternatives == [slot(hour=9, minute=15), slot(hour=9, minute=30), slot(hour=10, minute=30)]
    assert other.allocations.get().blocked.lower == slot(hour=15)


def test_translate_slot_conflicts_reraises_other_violations():
    service = make_service()
    booking = make_booking(service)

    with (
        pytest.raises(IntegrityError, match="some_time_is_blocked"),
        translate_slot_conflicts(service, slot(), None, party_size=1),
    ):
        booking.allocations.update(blocked=(slot(), slot()))
