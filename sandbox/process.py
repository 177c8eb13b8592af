"""Run a sandbox in its own process, for the duration of a ``with`` block."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.client import SandboxClient
from sandbox.options import Credentials

START_SECONDS = 10


@dataclass(frozen=True)
class RunningSandbox:
    client: SandboxClient
    http_url: str
    smtp_host: str
    smtp_port: int

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make Daybook use this sandbox as its providers."""
        return provider_environment(self.http_url, smtp_address=f"{self.smtp_host}:{self.smtp_port}")


def provider_environment(http_url: str, *, smtp_address: str) -> dict[str, str]:
    """Return the environment variables that make Daybook use a sandbox at these addresses as its providers."""
    credentials = Credentials()
    return {
        "TWILIO_API_BASE_URL": http_url,
        "TWILIO_ACCOUNT_SID": credentials.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": credentials.twilio_auth_token,
        "TWILIO_SMS_FROM": "+15005550006",
        "TWILIO_WHATSAPP_FROM": "+15005550006",
        "RAZORPAY_API_BASE_URL": http_url,
        "RAZORPAY_KEY_ID": credentials.razorpay_key_id,
        "RAZORPAY_KEY_SECRET": credentials.razorpay_key_secret,
        "RAZORPAY_WEBHOOK_SECRETS": credentials.razorpay_webhook_secret,
        "EMAIL_URL": f"smtp://{smtp_address}",
    }


@contextmanager
def running_sandbox(
    *,
    port: int = 0,
    smtp_port: int = 0,
    log: Path | None = None,
    seed: int | None = None,
    webhook_url: str = "",
    **settings: float,
) -> Iterator[RunningSandbox]:
    """Start a sandbox, yield it once it is listening, and stop it afterwards.

    ``settings``: see sandbox.options.Settings. Raises RuntimeError if it does not start in time.
    """
    command = [sys.executable, "-m", "sandbox", "--exit-with-parent", f"--port={port}", f"--smtp-port={smtp_port}"]
    command += [f"--log={log}"] if log else []
    command += [f"--seed={seed}"] if seed is not None else []
    command += [f"--razorpay-webhook-url={webhook_url}"] if webhook_url else []
    command += [f"--set={name}={value}" for name, value in settings.items()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent) as process:
        try:
            addresses = _read_addresses(process)
            yield RunningSandbox(SandboxClient(addresses["http_url"]), **addresses)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _read_addresses(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if readable else ""
    if not line:
        raise RuntimeError(f"The sandbox did not start within {START_SECONDS} s; see its output above.")
    addresses: dict[str, Any] = json.loads(line)
    return addresses
