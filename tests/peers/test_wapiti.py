"""Wapiti, a scanner for web applications, signed in as a manager against ``make demo``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.management.commands.seed_demo import PASSWORD
from runtime.processes import ROOT, free_port, manage_command, start, stop
from tests.daybook_processes import processes_of, wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1500)]

WAPITI = ROOT / ".data" / "peers" / "wapiti" / "bin" / "wapiti"
IS_SHORT = int(os.environ.get("PEERS_BURST", "100")) <= 100
SCAN_SECONDS, ATTACK_SECONDS = (25, 8) if IS_SHORT else (180, 60)  # ATTACK_SECONDS: of each module
MODULES = "cookieflags,crlf,csp,csrf,exec,file,http_headers,permanentxss,redirect,sql,timesql,xss"
OUTSIDE = {"DATABASE_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # of the tests, not of the demo
# The demo is on loopback, without TLS. tests/config/test_settings.py checks what follows from an https:// address.
WITHOUT_TLS = {"Secure Flag cookie", "HTTP Strict Transport Security (HSTS)", "Unencrypted Channels"}


@pytest.fixture
def demo() -> Iterator[str]:
    """The address of a demo with its own data."""
    # Not below pytest's folder: it closes itself to other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="daybook-demo-") as folder:
        log, port = Path(folder) / "log", free_port(0)
        environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        settings = {"DATABASE_URL": "", "DATA_DIR": f"{folder}/data", "PORT": str(port), "SPT_NOENV": "1"}
        process = start(manage_command("demo"), {**environment, **settings}, log)
        try:
            wait_until(lambda: "Ctrl-C stops everything" in log.read_text(), 180)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)
            for left in processes_of(Path(folder) / "data"):
                left.kill()


def session_cookies(url: str) -> str:
    """Sign in as a manager; return the cookies."""
    browser = requests.Session()
    page = browser.get(f"{url}/admin/login/", timeout=10).text
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    form = {"csrfmiddlewaretoken": token, "username": "manager", "password": PASSWORD, "next": "/admin/"}
    response = browser.post(f"{url}/admin/login/", form, headers={"Referer": url}, timeout=10, allow_redirects=False)
    assert response.status_code == 302, response.text
    return ";".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


def scan(url: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what Wapiti reports, by category."""
    report, schema = folder / "report.json", folder / "schema.json"
    described = requests.get(f"{url}/schema/", headers={"Accept": "application/json"}, timeout=10).json()
    schema.write_text(json.dumps({**described, "servers": [{"url": url}]}))
    command = [
        *(str(WAPITI), "--url", f"{url}/admin/", "--scope", "domain", "--start", f"{url}/docs/"),
        *("--swagger", str(schema), "--cookie-value", session_cookies(url)),
        *("--exclude", f"{url}/admin/logout/", "--exclude", f"{url}/admin/password_change/"),
        *("--module", MODULES, "--max-scan-time", str(SCAN_SECONDS), "--max-attack-time", str(ATTACK_SECONDS)),
        *("--max-links-per-page", "30", "--flush-session", "--store-session", str(folder), "--no-bugreport"),
        *("--format", "json", "--output", str(report), "--detailed-report", "1"),
    ]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert report.exists(), result.stdout + result.stderr
    content = json.loads(report.read_text())
    assert content["infos"]["crawled_pages_nbr"] > 20, result.stdout  # otherwise the sign-in has failed
    return {
        category: reports
        for group in ("vulnerabilities", "anomalies")
        for category, reports in content[group].items()
        if reports
    }


def test_wapiti_finds_nothing_in_the_demo(demo: str, tmp_path: Path) -> None:
    found = scan(demo, tmp_path)

    assert {category: reports for category, reports in found.items() if category not in WITHOUT_TLS} == {}
