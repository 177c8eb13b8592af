"""The import contracts in pyproject.toml report every kind of forbidden import; test modules are independent."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
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
    "sandbox",
    "demo",
    "stress",
    "benchmarks",
]
# A module, and the line to add to it. No contract names these modules.
FORBIDDEN = [
    ("payments/balance.py", "import razorpay"),
    ("notifications/delivery/claim.py", "from twilio.rest import Client"),
    ("notifications/providers/base.py", "import twilio"),
    ("payments/pages/payment.py", "from django_q.tasks import async_task"),
    ("bookings/jobs.py", "import django_q"),
    ("notifications/jobs.py", "from django_q.tasks import async_task"),
    ("payments/balance.py", "from bookings.lifecycle import lock_booking"),
    ("desk/payments.py", "from bookings.scheduling.reservation import reserve_slot"),
    ("notifications/outbox.py", "from payments.ledger import lock_payment"),
    ("reports/pages.py", "from notifications.delivery.claim import claim_due_notifications"),
    ("foundation/money.py", "from bookings.models import Booking"),
    ("bookings/invariants.py", "from payments.models import Payment"),
    ("desk/urls.py", "import reports.pages"),
    ("sandbox/options.py", "import foundation.money"),
    ("runtime/queue.py", "import demo.scenario"),
]


@pytest.mark.parametrize(("path", "line"), FORBIDDEN)
def test_import_contracts_report_forbidden_import(lint_report: str, path: str, line: str) -> None:
    importer = path.removesuffix(".py").replace("/", ".")
    imported_package = line.split()[1].partition(".")[0]

    assert f"{importer} -> {imported_package}" in lint_report


def test_no_test_module_imports_another() -> None:
    importers = [
        path.relative_to(ROOT)
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^\s*(from|import) tests\.(\w+\.)*(test_\w+|conftest)\b", path.read_text(), re.MULTILINE)
    ]

    assert importers == []


@pytest.fixture(scope="module")
def lint_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of lint-imports on a copy of the repository with every forbidden import added."""
    copy = copy_packages(tmp_path_factory.mktemp("forbidden"))
    for path, line in FORBIDDEN:
        with (copy / path).open("a") as module:
            module.write(f"\n{line}\n")
    return run_lint_imports(copy)


def copy_packages(target: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__", "out"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def run_lint_imports(folder: Path) -> str:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
