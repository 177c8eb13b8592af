"""Clients generated from our OpenAPI schema, type-checked and used for a whole journey."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from runtime.processes import ROOT
from tests.builders.accounts import make_staff
from tests.builders.bookings import make_booking, make_paid_service, make_service, set_minutes_until_visit

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

PYTHON_PROGRAMS = Path(sys.executable).parent
NPM_PACKAGES = ROOT / ".data/peers/npm/node_modules"
JOURNEYS = ROOT / "tests/peers"
STRICT = ["--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]


@pytest.fixture
def journey(web, sandbox, start_worker):
    """The environment of a journey: the addresses, the password of staff, and a confirmed visit of today."""
    make_service()
    make_paid_service()
    make_staff()
    visit = make_booking(make_service(slug="check-up", requires_confirmation=False))
    set_minutes_until_visit(visit, 0)
    start_worker(web)
    return {
        "DAYBOOK_ADDRESS": web,
        "SANDBOX_ADDRESS": sandbox.http_url,
        "STAFF_PASSWORD": "a-long-password",
        "VISIT_TODAY": str(visit.pk),
    }


@pytest.fixture
def schema(web, tmp_path):
    """A file with the schema that the web server serves."""
    file = tmp_path / "schema.yaml"
    file.write_bytes(requests.get(f"{web}/schema/", timeout=30).content)
    return file


def test_python_client_completes_the_journey(journey, schema, tmp_path):
    package = tmp_path / "daybook_client"
    program = shutil.copy(JOURNEYS / "journey.py", tmp_path)
    generator = [PYTHON_PROGRAMS / "openapi-python-client", "generate", "--meta", "none", "--fail-on-warning"]

    run([*generator, "--path", schema, "--output-path", package], tmp_path)
    # Only the journey is checked strictly: the generator's own client.py has type errors.
    mypy = [PYTHON_PROGRAMS / "mypy", "--strict", "--follow-imports", "silent", "--config-file", ""]
    run([*mypy, program], tmp_path)
    run([sys.executable, program], tmp_path, journey)


def test_typescript_client_completes_the_journey(journey, schema, tmp_path):
    (tmp_path / "node_modules").symlink_to(NPM_PACKAGES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    program = shutil.copy(JOURNEYS / "journey.ts", tmp_path)
    programs = NPM_PACKAGES / ".bin"

    run([programs / "openapi-typescript", schema, "--default-non-nullable=false", "--output", "daybook.d.ts"], tmp_path)
    run([programs / "tsc", *STRICT, "--types", "node", program], tmp_path)
    run(["node", "journey.js"], tmp_path, journey)


def run(command, folder, environment=None):
    """Run a program in the folder; fail with its output if it fails."""
    command = [str(argument) for argument in command]
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{PYTHON_PROGRAMS}:{os.environ['PATH']}", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, f"{Path(command[0]).name} failed:\n{result.stdout}"
