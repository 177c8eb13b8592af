"""Data migrations of bookings."""

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from psycopg2.extras import DateTimeTZRange

from bookings.models import BookingEvent, Customer, IdempotencyKey
from tests.builders.bookings import CUSTOMER, booking_request, make_booking, make_class, make_service, slot

WIDEN_EMPTY_RANGES = import_module("bookings.migrations.0006_no_empty_range").widen_empty_ranges
REPAIR_NAMES = import_module("bookings.migrations.0017_names").repair_names
MOVE_SCOPES = import_module("bookings.migrations.0021_key_scopes").move_scopes
FILL_ACTOR_KIND = import_module("bookings.migrations.0009_event_kinds_and_actor_kind").FILL_ACTOR_KIND


@pytest.fixture
def allow_empty_ranges(db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_allocation DROP CONSTRAINT some_time_is_blocked")


def block_nothing(booking):
    """Empty the booking's ranges, as older versions could."""
    booking.allocation_owner.allocations.update(blocked=DateTimeTZRange(empty=True))
    return booking


def blocked_by(booking):
    allocations = booking.allocation_owner.allocations.all()
    return [(each.blocked.lower, each.blocked.upper, each.is_active) for each in allocations]


def visit(booking, *, is_active):
    return [(booking.starts_at, booking.ends_at, is_active)]


def test_migration_widens_empty_ranges_to_the_visit(allow_empty_ranges, capsys):
    booking = block_nothing(make_booking(make_service()))
    attended = block_nothing(make_booking(make_class(), starts_at=slot(hour=12)))

    WIDEN_EMPTY_RANGES(None, connection.schema_editor())

    assert (blocked_by(booking), blocked_by(attended)) == (
        visit(booking, is_active=True),
        visit(attended, is_active=True),
    )
    assert capsys.readouterr().out == ""


def test_migration_deactivates_and_reports_a_widened_range_that_overlaps_another(allow_empty_ranges, capsys):
    """The first of two that block nothing is widened, and a visit that blocks its time keeps it."""
    emptied = block_nothing(make_booking(make_service()))
    later = block_nothing(make_booking())
    attended = block_nothing(make_booking(make_class(), starts_at=slot(hour=12)))
    other = make_booking(attended.service, starts_at=slot(hour=12, minute=15))

    WIDEN_EMPTY_RANGES(None, connection.schema_editor())

    states = [blocked_by(booking) for booking in (emptied, later, attended, other)]
    assert states == [
        visit(booking, is_active=is_active)
        for booking, is_active in ((emptied, True), (later, False), (attended, False), (other, True))
    ]
    assert re.findall(r"Booking (\S+): ", capsys.readouterr().out) == [later.reference, attended.reference]


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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stored", "repaired"),
    [
        ("Jose\u0301", "Jos\u00e9"),
        (" Meera\u202e \t Iyer\u200b", "Meera Iyer"),
        ("\u200b", "\u200b"),  # nothing would be left
        ("Meera Iyer", "Meera Iyer"),
    ],
)
def test_names_from_before_the_rule_are_repaired(stored, repaired):
    customer = Customer.objects.create(name=stored, phone="+919812340003", email="meera@example.com")

    REPAIR_NAMES(apps, None)

    customer.refresh_from_db()
    assert customer.name == repaired


@pytest.mark.django_db
def test_name_that_another_row_of_the_same_person_has_is_not_repaired():
    same = {"phone": "+919812340003", "email": "meera@example.com"}
    for name in ("Jos\u00e9", "Jose\u0301"):
        Customer.objects.create(name=name, **same)

    REPAIR_NAMES(apps, None)

    assert set(Customer.objects.values_list("name", flat=True)) == {"Jos\u00e9", "Jose\u0301"}


@pytest.mark.django_db
@pytest.mark.parametrize("other_body", [False, True])
def test_migration_moves_an_anonymous_key_into_the_scope_of_its_customer(api, other_body):
    body, headers = booking_request(make_service(resources=2)), {"Idempotency-Key": "a-key"}
    first = api.post("/bookings/", body, format="json", headers=headers)
    IdempotencyKey.objects.update(scope="anonymous /bookings/", fingerprint="of the text")

    MOVE_SCOPES(apps, None)

    repeat = api.post("/bookings/", {**body, "notes": "x" if other_body else ""}, format="json", headers=headers)
    assert (repeat.status_code, repeat.content) == (201, first.content)
    other = {**body, "customer": {**CUSTOMER, "phone": "+919812340088", "name": "Ravi"}}
    assert "Idempotent-Replayed" not in api.post("/bookings/", other, format="json", headers=headers)


@pytest.mark.django_db
def test_migration_moves_the_key_of_a_user_into_the_users_scope(desk):
    body, headers = booking_request(make_service(resources=2)), {"Idempotency-Key": "a-key"}
    first = desk.post("/bookings/", body, format="json", headers=headers)
    user = User.objects.get()
    IdempotencyKey.objects.update(scope=f"user {user.pk} /bookings/", fingerprint="of the text")

    MOVE_SCOPES(apps, None)

    assert desk.post("/bookings/", body, format="json", headers=headers).content == first.content
