"""``make run`` installs requirements.txt only, so what it runs must not import anything else."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from runtime.processes import ROOT
from tests.processes import database_url

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

PACKAGES = [
    "config",
    "runtime",
    "monitoring",
    "desk",
    "reports",
    "notifications",
    "payments",
    "bookings",
    "accounts",
    "foundation",
]
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
blocked = set(sys.argv[1].split(","))
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not in requirements.txt", name=name)
sys.meta_path.insert(0, Refuse())
import runtime.embedded_postgres
import config.wsgi
for package in sys.argv[2].split(","):
    for module in pkgutil.walk_packages([package], f"{package}."):
        importlib.import_module(module.name)
import gunicorn.app.wsgiapp, gunicorn.workers.gthread, django_q.cluster, runtime.postgres_server
for name in sys.argv[3].split(","):
    importlib.import_module(name)
"""


def canonical_name(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def development_modules():
    """Return the installed modules of which no distribution is in requirements.txt."""
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    runtime = {canonical_name(name) for name in pinned}
    return sorted(
        module
        for module, distributions in metadata.packages_distributions().items()
        if not runtime & {canonical_name(name) for name in distributions} and module.isidentifier()
    )


def import_everything(also=""):
    modules = development_modules()
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_EVERYTHING, ",".join(modules), ",".join(PACKAGES), also]
    environment = {"DEBUG": "1", "DATABASE_URL": database_url(), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_runtime_needs_only_requirements_txt():
    result = import_everything("demo.apps")

    assert result.returncode == 0, result.stderr


def test_development_dependencies_are_blocked_in_this_test():
    assert {"pytest", "aiosmtpd", "mypy"} <= set(development_modules())
    assert "aiosmtpd is not in requirements.txt" in import_everything("sandbox.smtp").stderr
