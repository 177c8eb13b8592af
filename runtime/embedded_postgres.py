"""The embedded PostgreSQL: a real server under ``DATA_DIR``, used if ``DATABASE_URL`` is not set."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.environment import DATA_DIR, prepare_data_folder

if TYPE_CHECKING:
    from runtime.postgres_server import Server

# Set by manage.py run for its worker: the data folder of the embedded server that is their database.
FOLDER_VARIABLE = "DAYBOOK_EMBEDDED_POSTGRES"

_server: Server | None = None


def ensure_database_url() -> None:
    """Start the embedded server unless ``DATABASE_URL`` is set in the environment or in ``.env``.

    Programs call this before they load Django; importing the settings starts nothing.
    """
    prepare_data_folder()  # also without the embedded server: django-q2 writes its status there
    folder = os.environ.pop(FOLDER_VARIABLE, "")
    if folder:
        start_embedded_postgres(Path(folder))
    elif not os.environ.get("DATABASE_URL"):
        start_embedded_postgres(DATA_DIR / "postgres")


def start_embedded_postgres(data: Path) -> str:
    """Start the server, or join the running one; return the URL of its ``daybook`` database.

    The processes of one run share the server through ``DATABASE_URL``, which this sets for their children. The last
    process to exit stops it. Processes that start or exit at the same time wait for each other.
    """
    global _server
    data = data.expanduser().resolve()
    data.mkdir(parents=True, exist_ok=True)
    _server = _server_class()(data)
    _server.start()
    os.environ["DATABASE_URL"] = _server.url
    return os.environ["DATABASE_URL"]


def _server_class() -> type[Server]:
    """Import the server: it takes a second, and is not needed with a DATABASE_URL."""
    previous = os.environ.get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder  # the library requires one at import; Server uses none
        try:
            from runtime.postgres_server import Server  # noqa: PLC0415
        finally:
            del os.environ["XDG_RUNTIME_DIR"]
            if previous is not None:
                os.environ["XDG_RUNTIME_DIR"] = previous
    return Server


def embedded_postgres_environment() -> dict[str, str]:
    """Return the environment for a child process that keeps the embedded server, even if this process is killed."""
    return {FOLDER_VARIABLE: str(_server.pgdata)} if _server else {}


def restart_embedded_postgres_if_it_ended() -> None:
    """Start the embedded server again if it has crashed, or if a service manager's SIGTERM has stopped it."""
    if _server and not _server.is_ready():
        _server.restart()
