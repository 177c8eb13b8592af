"""Run Prism, which serves Twilio's own OpenAPI document: it refuses each request that the document does not allow.

``make peers`` installs both from npm. The document is the one that Twilio's command line tool ships.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from runtime.processes import ROOT, free_port, start, stop

PACKAGES = ROOT / ".data/peers/npm/node_modules"
TWILIO_DOCUMENT = PACKAGES / "@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json"
START_SECONDS = 30


@contextmanager
def running_prism(document: Path) -> Iterator[str]:
    """Serve ``document`` on loopback, and return the address. Raises AssertionError if Prism does not start."""
    port = free_port(0)
    command = [str(PACKAGES / ".bin/prism"), "mock", "--host", "127.0.0.1", "--port", str(port), str(document)]
    with tempfile.TemporaryDirectory(prefix="daybook-prism-") as folder:
        log = Path(folder) / "log"
        process = start(command, log=log)
        try:
            _wait_for_responses(f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def _wait_for_responses(address: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < end, f"Prism did not start:\n{log.read_text()}"
            time.sleep(0.1)
        else:
            return
