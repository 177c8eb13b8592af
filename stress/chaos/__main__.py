"""``python -m stress.chaos``: send messages under kills, crashes and faults, and count them.

Exit 1 if a message was lost or duplicated, or if sending took longer than RESUMES_WITHIN to resume.
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

RESUMES_WITHIN = 20.0  # seconds after a process was killed, or after the database came back


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stress.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="1.5 minutes instead of ten")
    parser.add_argument("--naive", action="store_true", help="negative control: send again whenever a lease expires")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="repeat the random choices of a run")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="daybook-chaos-"))
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ.pop("DATABASE_URL", None)
    from runtime.embedded_postgres import start_embedded_postgres  # noqa: PLC0415

    start_embedded_postgres(folder / "postgres")
    import django  # noqa: PLC0415

    django.setup()
    from stress.chaos.run import FULL, SHORT, Run, say  # noqa: PLC0415 - models need the set-up above

    say(f"Seed {options.seed}. The run uses its own database.")
    began = time.monotonic()
    run = Run(folder, SHORT if options.short else FULL, seed=options.seed, naive=options.naive)
    report = run.go()
    shutil.rmtree(folder, ignore_errors=True)
    say(f"{report.held} e-mails are on hold for a person, because a mail server cannot be asked.")
    say(
        f"Longest pause between claims: {run.longest_silence:.1f} s (allowed: {RESUMES_WITHIN:g} s). "
        f"Duration: {time.monotonic() - began:.0f} s."
    )
    say(
        f"chaos: {report.messages} messages, {run.kills} kills, {run.crashes} database crashes: "
        f"lost {report.lost}, duplicated {report.duplicated}, undecided {report.undecided}"
    )
    sys.exit(0 if report.holds and run.longest_silence <= RESUMES_WITHIN else 1)


if __name__ == "__main__":
    main()
