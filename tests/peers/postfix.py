"""Run Debian's Postfix on loopback, with its configuration and queue in a temporary folder.

Postfix drops its privileges to the user ``postfix``, so it is started as root; ``make peers`` installs it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.processes import free_port

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {domain}
smtpd_sasl_local_domain = {domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = error:nothing leaves this machine
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
"""


# Debian's Postfix reads it from the folder "sasl" beside main.cf.
SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/data/sasldb2
mech_list: PLAIN LOGIN
"""
DOMAIN = "mail.example.com"
# Postfix exempts the networks of its own machine from its limits, and all clients of the tests are on loopback.
LIMITED = {"smtpd_client_event_limit_exceptions": ""}


@dataclass(frozen=True)
class Postfix:
    """A Postfix that delivers mail for every address at example.com to one mailbox."""

    folder: Path
    port: int

    def start(self) -> None:
        self._control("start")

    def stop(self) -> None:
        self._control("stop")

    def abort(self) -> None:
        """Stop without waiting, if it is running."""
        if self._control("status", check=False) == 0:
            self._control("abort")

    def add_user(self, name: str, password: str) -> None:
        """Let this user authenticate, if the parameter smtpd_sasl_auth_enable is set."""
        command = ["saslpasswd2", "-p", "-c", "-f", f"{self.folder}/data/sasldb2", "-u", DOMAIN, name]
        subprocess.run(command, input=password.encode(), check=True, capture_output=True)
        shutil.chown(self.folder / "data/sasldb2", "postfix")

    def mails(self) -> list[bytes]:
        """Return the delivered mails, oldest first."""
        inbox = self.folder / "mail/inbox/new"
        return [path.read_bytes() for path in sorted(inbox.glob("*"), key=lambda path: path.stat().st_mtime)]

    def wait_for_mails(self, count: int, seconds: float = 20) -> list[bytes]:
        """Return the delivered mails, oldest first, once there are ``count`` of them. Raises AssertionError."""
        end = time.monotonic() + seconds
        while len(list((self.folder / "mail/inbox/new").glob("*"))) < count:
            assert time.monotonic() < end, f"Postfix did not deliver {count} mails:\n{self.log()}"
            time.sleep(0.05)
        return self.mails()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _control(self, command: str, *, check: bool = True) -> int:
        postfix = ["/usr/sbin/postfix", "-c", str(self.folder / "conf"), command]
        return subprocess.run(postfix, check=check, capture_output=True).returncode


@contextmanager
def running_postfix(**parameters: str) -> Iterator[Postfix]:
    """Start Postfix with these parameters of main.cf, and stop it afterwards."""
    with _folder() as folder:
        owner = pwd.getpwnam("postfix")
        port = free_port(0)
        main = MAIN.format(folder=folder, domain=DOMAIN, uid=owner.pw_uid, gid=owner.pw_gid)
        main += "".join(f"{name} = {value}\n" for name, value in parameters.items())
        (folder / "conf/main.cf").write_text(main)
        (folder / "conf/master.cf").write_text(MASTER.format(port=port))
        (folder / "conf/sasl/smtpd.conf").write_text(SASL.format(folder=folder))
        postfix = Postfix(folder, port)
        postfix.start()
        try:
            yield postfix
        finally:
            postfix.abort()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="daybook-postfix-"))
    folder.chmod(0o755)
    owner = pwd.getpwnam("postfix")
    try:
        for name in ("conf", "conf/sasl", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)
