"""``python -m stress.chaos``: send messages under kills, crashes and faults, and count them.

Exit with 1 if a message was lost, duplicated, outdated or left undecided, or if sending paused for more than 20 s.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sandbox.process import provider_environment

MAX_PAUSE_SECONDS = 20.0  # after a process was killed, or after the database came back


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stress.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="1.5 minutes instead of ten")
    parser.add_argument("--without", default="", help="comma-separated negative controls: settle, order, quit")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="seed for the random choices, to repeat a run"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="daybook-chaos-"))
    settings_module = "stress.chaos.controls" if options.without else "config.settings"
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": settings_module, "CHAOS_WITHOUT": options.without}
    # This process books, so every channel must be configured. It sends nothing, so the addresses are not used.
    os.environ |= provider_environment("http://127.0.0.1:9", smtp_address="127.0.0.1:9")
    os.environ.pop("DATABASE_URL", None)
    from runtime.embedded_postgres import start_embedded_postgres  # noqa: PLC0415

    start_embedded_postgres(folder / "postgres")
    import django  # noqa: PLC0415

    django.setup()
    from stress.chaos.run import FULL, SHORT, Run, print_line  # noqa: PLC0415 - models need the set-up above

    print_line(f"Seed {options.seed}. The run uses its own database.")
    start = time.monotonic()
    run = Run(folder, SHORT if options.short else FULL, seed=options.seed)
    report = run.execute()
    shutil.rmtree(folder, ignore_errors=True)
    print_line(f"{report.held} e-mails are on hold: SMTP has no lookup, so a person must decide.")
    print_line(
        f"Longest pause between claims: {run.longest_pause:.1f} s (allowed: {MAX_PAUSE_SECONDS:g} s). "
        f"Duration: {time.monotonic() - start:.0f} s."
    )
    print_line(
        f"chaos: {report.messages} messages, {run.kills} kills, {run.crashes} database crashes: "
        f"lost {report.lost}, duplicated {report.duplicated}, outdated {report.outdated}, undecided {report.undecided}"
    )
    sys.exit(0 if report.has_passed and run.longest_pause <= MAX_PAUSE_SECONDS else 1)


if __name__ == "__main__":
    main()
