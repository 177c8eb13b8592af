"""Run a Postfix that accepts mail only after STARTTLS and AUTH, with a self-signed certificate."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.peers.postfix import Postfix, running_postfix

HOST = "127.0.0.1"
USER, PASSWORD = "bookings", "p@ss/w:rd %"


@dataclass(frozen=True)
class SecuredPostfix:
    """The server, its certificate, and the EMAIL_URL for it."""

    server: Postfix
    certificate: str
    email_url: str


@contextmanager
def running_secured_postfix() -> Iterator[SecuredPostfix]:
    with tempfile.TemporaryDirectory(prefix="daybook-certificate-") as folder:
        certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        _make_self_signed_certificate(certificate, key)
        parameters = {
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_cert_file": str(certificate),
            "smtpd_tls_key_file": str(key),
            "smtpd_tls_auth_only": "yes",
            "smtpd_tls_received_header": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
        }
        with running_postfix(**parameters) as server:
            server.add_user(USER, PASSWORD)
            email_url = f"smtp+tls://{USER}:{quote(PASSWORD, safe='')}@{HOST}:{server.port}"
            yield SecuredPostfix(server, str(certificate), email_url)


def _make_self_signed_certificate(certificate: Path, key: Path) -> None:
    new_key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"]
    command = ["openssl", "req", "-x509", "-days", "1", *new_key, *names, "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
