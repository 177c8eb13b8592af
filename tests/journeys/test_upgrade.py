"""An upgrade from the version before the packages were split: rows, permissions and queued jobs survive it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
import pytest

from config.roles import FRONT_DESK, MANAGERS
from runtime.processes import ROOT, manage_command

OLD_STATE = [("auth",), ("django_q",), ("bookings", "0007"), ("payments", "0004"), ("notifications", "0003")]

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def old_database() -> Iterator[str]:
    """The URL of a database in the old state, with groups whose permissions an admin has changed."""
    server = os.environ["DATABASE_URL"]
    name = f"upgrade_{uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    execute(server, f"CREATE DATABASE {name}")
    try:
        for target in OLD_STATE:
            manage(url, "migrate", *target)
        execute(url, OLD_ROWS)
        yield url
    finally:
        execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


OLD_ROWS = """
    INSERT INTO payments_finding (gateway_id, cause, amount_minor, currency, closed_by, resolution)
        VALUES ('pay_1', 'Captured for an unknown order', 50000, 'INR', '', '');
    INSERT INTO notifications_dispatcher (slot, beat_at, worker) VALUES (0, now(), 'host:1'), (1, now(), 'host:2');
    INSERT INTO bookings_usage ("limit", key, since, count) VALUES ('bookings', '198.51.100.7', now(), 3);
    INSERT INTO payments_sweep (name, result) VALUES ('comparison', ''), ('tidying', '');
    INSERT INTO bookings_location (name, address, timezone)
        VALUES ('Clinic', '', 'Asia/Kolkata'), ('Salon', '', 'Asia/Kolkata');
    INSERT INTO bookings_resource (name, kind, is_active, location_id)
        SELECT r.name, r.kind, true, l.id FROM bookings_location l
        JOIN (VALUES ('Asha', 'staff', 'Clinic'), ('Nila', 'staff', 'Salon'), ('Room 1', 'room', 'Clinic'))
            r (name, kind, location) ON r.location = l.name;
    INSERT INTO bookings_workinghours (resource_id, weekday, opens_at, closes_at)
        SELECT id, 0, '09:00', '18:00' FROM bookings_resource WHERE kind = 'staff';
    INSERT INTO auth_group_permissions (group_id, permission_id)
        SELECT g.id, p.id FROM auth_group g, auth_permission p
        WHERE g.name = 'Managers' AND p.codename IN ('view_finding', 'view_dispatcher') ON CONFLICT DO NOTHING;
    DELETE FROM auth_group_permissions WHERE permission_id IN (
        SELECT id FROM auth_permission WHERE codename IN ('confirm_booking', 'view_gatewayevent'));
"""
PERMISSIONS_OF_GROUPS = """
    SELECT g.name, t.app_label, p.codename FROM auth_group g
    JOIN auth_group_permissions gp ON gp.group_id = g.id JOIN auth_permission p ON p.id = gp.permission_id
    JOIN django_content_type t ON t.id = p.content_type_id
"""
PERMISSIONS = """
    SELECT t.app_label, p.codename FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id
"""
PLACES_OF_RESOURCES = """
    SELECT r.name, l.name, h.name FROM bookings_resource r
    JOIN bookings_resource_locations rl ON rl.resource_id = r.id JOIN bookings_location l ON l.id = rl.location_id
    LEFT JOIN bookings_workinghours w ON w.resource_id = r.id LEFT JOIN bookings_location h ON h.id = w.location_id
    ORDER BY 1
"""
PLACE_OF_RESOURCES = """
    SELECT r.name, l.name FROM bookings_resource r JOIN bookings_location l ON l.id = r.location_id ORDER BY 1
"""
RENAMED = {"view_finding": "view_discrepancy", "view_dispatcher": "view_lane"}


@pytest.mark.django_db
@pytest.mark.slow
def test_upgrade_keeps_rows_and_changed_group_permissions(old_database: str) -> None:
    permissions_before = set(execute(old_database, PERMISSIONS))
    group_permissions_before = set(execute(old_database, PERMISSIONS_OF_GROUPS))

    manage(old_database, "migrate")

    assert execute(old_database, "SELECT gateway_id, amount_minor FROM payments_discrepancy") == [("pay_1", 50_000)]
    assert execute(old_database, "SELECT number, worker FROM notifications_lane ORDER BY 1") == [
        (0, "host:1"),
        (1, "host:2"),
    ]
    expected = {(group, app, RENAMED.get(codename, codename)) for group, app, codename in group_permissions_before}
    assert set(execute(old_database, PERMISSIONS_OF_GROUPS)) == expected | new_permissions_of_groups(permissions_before)
    manage(old_database, "check_invariants")


@pytest.mark.django_db
@pytest.mark.slow
def test_upgrade_gives_hours_the_location_of_their_resource_and_can_be_reversed(old_database: str) -> None:
    manage(old_database, "migrate", "bookings")

    assert execute(old_database, PLACES_OF_RESOURCES) == [
        ("Asha", "Clinic", "Clinic"),
        ("Nila", "Salon", "Salon"),
        ("Room 1", "Clinic", None),
    ]
    manage(old_database, "migrate", "bookings", "0018")
    assert execute(old_database, PLACE_OF_RESOURCES) == [("Asha", "Clinic"), ("Nila", "Salon"), ("Room 1", "Clinic")]


def new_permissions_of_groups(before: set[tuple[str, str]]) -> set[tuple[str, str, str]]:
    """Return the permissions of the roles that did not exist before, under any name."""
    known = {(app, RENAMED.get(codename, codename)) for app, codename in before}
    return {
        (group, app, codename)
        for group, codenames_by_app in (("Front desk", FRONT_DESK), ("Managers", MANAGERS))
        for app, codenames in codenames_by_app.items()
        for codename in codenames
        if (app, codename) not in known
    }


def manage(database_url: str, *arguments: str) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url}
    result = subprocess.run(
        manage_command(*arguments), env=environment, cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def execute(url: str, statements: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statements)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
