"""Data migrations of bookings."""

from importlib import import_module

import pytest
from django.db import connection

from bookings.models import BookingEvent
from tests.builders.bookings import make_booking

FILL_ACTOR_KIND = import_module("bookings.migrations.0009_event_kinds_and_actor_kind").FILL_ACTOR_KIND


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("actor", "actor_kind"),
    [
        ("customer", "customer"),
        ("staff asha", "staff"),
        ("integration crm", "integration"),
        ("gateway Razorpay", "gateway"),
        ("system", "system"),
        ("system hold expiry", "system"),
        ("customers", "system"),
        ("", "system"),
    ],
)
def test_actor_kind_of_older_events_is_the_first_word_of_their_actor(actor, actor_kind):
    make_booking()
    BookingEvent.objects.update(actor=actor, actor_kind="system")  # the column's value before the update

    with connection.cursor() as cursor:
        cursor.execute(FILL_ACTOR_KIND)

    assert BookingEvent.objects.get().actor_kind == actor_kind
