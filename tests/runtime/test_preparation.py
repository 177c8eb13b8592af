import os
import subprocess
import threading
import time
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection

from runtime.preparation import preparation_lock
from runtime.processes import ROOT, manage_command

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def empty_database():
    """The URL of a new database without tables."""
    server = os.environ["DATABASE_URL"]
    name = f"empty_{uuid4().hex[:12]}"
    execute(server, f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url, sql):
    session = psycopg2.connect(url)
    session.autocommit = True
    with session.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall() if cursor.description else []
    session.close()
    return rows


@pytest.mark.timeout(300)  # three times all migrations, and the creation and the end of a database
def test_migrations_that_start_at_the_same_moment_run_once(empty_database):
    environment = {**os.environ, "DATABASE_URL": empty_database}
    command = manage_command("migrate", "--verbosity=0")
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, env=environment, cwd=ROOT, stderr=pipe, text=True) for _ in range(3)]

    errors = [process.communicate(timeout=100)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert execute(empty_database, "SELECT app, name FROM django_migrations GROUP BY 1, 2 HAVING count(*) > 1") == []
    assert execute(empty_database, "SELECT name FROM auth_group ORDER BY 1") == [("Front desk",), ("Managers",)]


def test_migrations_have_no_statement_timeout(monkeypatch):
    timeouts = []

    def read_timeout(*args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            timeouts.append(cursor.fetchone()[0])

    monkeypatch.setattr("django.core.management.commands.migrate.Command.handle", read_timeout)

    call_command("migrate", verbosity=0)
    read_timeout()

    assert timeouts == ["0", "15s"]


def test_preparation_lock_waits_longer_than_lock_timeout():
    order = []

    def prepare():
        with preparation_lock():
            order.append("second")
        connection.close()

    with preparation_lock():
        other = threading.Thread(target=prepare)
        other.start()
        time.sleep(2.5)  # lock_timeout is 2 s
        order.append("first")
    other.join()

    assert order == ["first", "second"]
