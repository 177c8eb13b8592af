import pytest
from django.db import IntegrityError, transaction

from tests.builders.bookings import make_booking, slot

pytestmark = pytest.mark.django_db


def test_exclusion_constraint_rejects_an_overlap():
    booking = make_booking()
    allocation = booking.allocations.get()
    other = make_booking(starts_at=slot(hour=15))

    with pytest.raises(IntegrityError, match="no_double_booking"), transaction.atomic():
        other.allocations.update(blocked=allocation.blocked)


def test_check_constraint_rejects_an_empty_range():
    at = slot()

    with pytest.raises(IntegrityError, match="some_time_is_blocked"), transaction.atomic():
        make_booking().allocations.update(blocked=(at, at))
