"""Run Postgrey, Debian's greylisting: it refuses each new pair of sender and recipient for some time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.processes import free_port, start, stop
from tests.peers.sockets import wait_for_port

DELAY_SECONDS = 3


@contextmanager
def running_postgrey() -> Iterator[dict[str, str]]:
    """Start it with a delay of DELAY_SECONDS, and return the parameters of a Postfix that uses it."""
    port = free_port(0)
    with tempfile.TemporaryDirectory(prefix="daybook-postgrey-") as folder:
        shutil.chown(folder, "postgrey")
        options = [f"--inet=127.0.0.1:{port}", f"--dbdir={folder}", f"--pidfile={folder}/pid"]
        # Without its automatic whitelist, which exempts a client that has sent five mails.
        process = start(["/usr/sbin/postgrey", *options, f"--delay={DELAY_SECONDS}", "--auto-whitelist-clients=0"])
        try:
            wait_for_port(port)
            yield {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{port}"}
        finally:
            stop(process)
