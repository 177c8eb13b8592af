"""Run Exim on loopback. It can limit the messages in one connection, which Postfix cannot."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.processes import ROOT, free_port, start, stop
from tests.peers.sockets import wait_for_port

PROGRAM = ROOT / ".data/peers/exim/usr/sbin/exim4"
CONFIGURATION = """
exim_path = {program}
primary_hostname = mail.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
tls_advertise_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = check_data
deliver_drop_privilege = true
keep_environment =
{options}
begin acl
check_data:  # as in Debian's configuration
  deny
    condition = ${{if > {{$max_received_linelength}}{{998}}}}
    message = maximum allowed line length is 998 octets, got $max_received_linelength
  deny
    !verify = header_syntax
    message = header syntax
  accept
begin routers
inbox:
  driver = accept
  transport = inbox
begin transports
inbox:
  driver = appendfile
  directory = {folder}/spool/inbox
  maildir_format = true
  create_directory = true
"""


@dataclass(frozen=True)
class Exim:
    """A running Exim. It delivers mail for every address to one mailbox."""

    folder: Path
    port: int

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / "spool/inbox/new").glob("*")]


@contextmanager
def running_exim(**options: str) -> Iterator[Exim]:
    """Start Exim with these options, and stop it afterwards."""
    port = free_port(0)
    folder = Path(tempfile.mkdtemp(prefix="daybook-exim-"))
    folder.chmod(0o755)
    (folder / "spool").mkdir()
    shutil.chown(folder / "spool", "Debian-exim")
    lines = "".join(f"{name} = {value}\n" for name, value in options.items())
    configuration = folder / "configuration"
    configuration.write_text(CONFIGURATION.format(program=PROGRAM, folder=folder, port=port, options=lines))
    process = start([str(PROGRAM), "-C", str(configuration), "-bdf"])
    try:
        wait_for_port(port)
        yield Exim(folder, port)
    finally:
        stop(process)
        shutil.rmtree(folder)
