"""Run ``make run`` under the service managers, with the files of deploy/, each in a folder of its own."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Protocol

from runtime.processes import ROOT
from tests.daybook_processes import processes_of

STOP_SECONDS = 60  # what deploy/README.md recommends

Environment = dict[str, str]


class ServiceManager(Protocol):
    """Runs the service in ``folder``. The manager itself, ``process``, is started and ended with it."""

    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path, environment: Environment) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def end(self) -> None: ...


def adapted(path: Path) -> str:
    """Return a file of deploy/ with this source tree and this user."""
    text = path.read_text()
    for original, replacement in (
        ("/srv/daybook", str(ROOT)),
        ("user=daybook\n", ""),
        ("chpst -u daybook ", ""),
        ("s6-setuidgid daybook ", ""),
    ):
        text = text.replace(original, replacement)
    return text


class Supervisord:
    def __init__(self, folder: Path, environment: Environment) -> None:
        self._config = folder / "supervisord.conf"
        self._config.write_text(
            f"[supervisord]\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\nchildlogdir={folder}\n"
            f"[unix_http_server]\nfile={folder}/socket\n[supervisorctl]\nserverurl=unix://{folder}/socket\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            + adapted(ROOT / "deploy/supervisord.conf")
        )
        command = ["/usr/bin/supervisord", "--nodaemon", "--configuration", str(self._config)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        self._control("start")

    def stop(self) -> None:
        self._control("stop")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_SECONDS)

    def _control(self, command: str) -> None:
        subprocess.run(["/usr/bin/supervisorctl", "-c", str(self._config), command, "daybook"], check=True)


class Runit:
    def __init__(self, folder: Path, environment: Environment) -> None:
        self._service = folder / "daybook"
        self._service.mkdir()
        install_run_script(ROOT / "deploy/runit/daybook/run", self._service)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["/usr/bin/runsv", str(self._service)], env=environment, stdout=log)

    def start(self) -> None:
        self._control("start")

    def stop(self) -> None:
        self._control("stop")

    def end(self) -> None:
        self._control("exit")
        self.process.wait(STOP_SECONDS)

    def _control(self, command: str) -> None:
        subprocess.run(["/usr/bin/sv", "-w", str(STOP_SECONDS), command, str(self._service)], check=True)


class S6:
    def __init__(self, folder: Path, environment: Environment) -> None:
        self._service = folder / "daybook"
        self._service.mkdir()
        install_run_script(ROOT / "deploy/s6/daybook/run", self._service)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["/usr/bin/s6-supervise", str(self._service)], env=environment, stdout=log)

    def start(self) -> None:
        self._control("-u")

    def stop(self) -> None:
        self._control("-wD", "-T", str(STOP_SECONDS * 1000), "-d")

    def end(self) -> None:
        self._control("-dx")
        self.process.wait(STOP_SECONDS)

    def _control(self, *options: str) -> None:
        subprocess.run(["/usr/bin/s6-svc", *options, str(self._service)], check=True)


class ControlGroup:
    """Stops as systemd does by default: SIGTERM to all processes of the service, the embedded PostgreSQL included."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self._folder, self._environment = folder, environment
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/make", "run"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        processes = processes_of(Path(self._environment["DATA_DIR"]))
        random.shuffle(processes)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_SECONDS)


def install_run_script(source: Path, service: Path) -> None:
    script = service / "run"
    script.write_text(adapted(source))
    shutil.copymode(source, script)
