"""Run OpenDKIM as a milter that signs the mails of example.com, and verify its signatures."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.processes import free_port, start, stop
from tests.peers.sockets import wait_for_port

SIGNER = """
Mode s
Socket inet:{port}@127.0.0.1
Domain example.com
Selector peers
KeyFile {folder}/key.pem
UserID opendkim
RequireSafeKeys no
Background no
Canonicalization {canonicalization}
"""
VERIFIER = """
Mode v
RequireSafeKeys no
TestPublicKeys {folder}/public_keys
"""


@dataclass(frozen=True)
class OpenDKIM:
    """A running milter; ``parameters`` are those of a Postfix that uses it."""

    folder: Path
    parameters: dict[str, str]

    def verifies(self, mail: bytes) -> bool:
        """Return whether the mail has a valid signature."""
        path = self.folder / "mail"
        path.write_bytes(mail)
        command = ["/usr/sbin/opendkim", "-x", f"{self.folder}/verifier.conf", "-t", str(path)]
        result = subprocess.run(command, capture_output=True, text=True)
        output = result.stdout + result.stderr
        assert re.search(r"verification \(s=peers,? d=example.com", output), output  # the signature and key were found
        return "succeeded" in output


@contextmanager
def running_opendkim(canonicalization: str) -> Iterator[OpenDKIM]:
    """Start the milter with a new key. Its canonicalization of headers and body is for example "relaxed/simple"."""
    port = free_port(0)
    with tempfile.TemporaryDirectory(prefix="daybook-opendkim-") as name:
        folder = Path(name)
        _make_keys(folder)
        signer = SIGNER.format(port=port, folder=folder, canonicalization=canonicalization)
        (folder / "signer.conf").write_text(signer)
        (folder / "verifier.conf").write_text(VERIFIER.format(folder=folder))
        shutil.chown(folder, "opendkim")
        process = start(["/usr/sbin/opendkim", "-f", "-x", f"{folder}/signer.conf"])
        try:
            wait_for_port(port)
            milter = f"inet:127.0.0.1:{port}"
            yield OpenDKIM(folder, {"smtpd_milters": milter, "milter_default_action": "tempfail"})
        finally:
            stop(process)


def _make_keys(folder: Path) -> None:
    key = folder / "key.pem"
    _openssl("genrsa", "-out", str(key), "2048")
    public_key = _openssl("rsa", "-in", str(key), "-pubout").splitlines()[1:-1]
    (folder / "public_keys").write_text(f"peers._domainkey.example.com v=DKIM1; k=rsa; p={''.join(public_key)}\n")
    shutil.chown(key, "opendkim")


def _openssl(*arguments: str) -> str:
    command = ["/usr/bin/openssl", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
