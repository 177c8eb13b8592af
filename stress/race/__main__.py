"""``python -m stress.race``: clients compete for slots on every path, while processes and PostgreSQL are killed.

Exit with 1 if a slot was sold twice, a request was carried out twice or lost, PostgreSQL reported a deadlock, or a
response is unexplained.
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stress.race", description=__doc__)
    parser.add_argument("--short", action="store_true", help="less than a minute instead of ten")
    parser.add_argument(
        "--without", default="", help="comma-separated negative controls: lock, reschedule, late, places, constraint"
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="seed for the random choices, to repeat a run"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="daybook-race-"))
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    # This process changes bookings, so every channel must be configured. It sends nothing: the addresses are not used.
    os.environ |= provider_environment("http://127.0.0.1:9", smtp_address="127.0.0.1:9")
    os.environ.pop("DATABASE_URL", None)
    from runtime.embedded_postgres import start_embedded_postgres  # noqa: PLC0415

    start_embedded_postgres(folder / "postgres")
    import django  # noqa: PLC0415

    django.setup()
    from stress.race.run import Run, print_line  # noqa: PLC0415 - models need the set-up above
    from stress.race.size import FULL, SHORT  # noqa: PLC0415

    print_line(f"Seed {options.seed}. The run uses its own database.")
    start = time.monotonic()
    run = Run(folder, SHORT if options.short else FULL, seed=options.seed, without=options.without.split(","))
    report = run.execute()
    if report.has_passed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print_line(f"The logs are kept in {folder}.")
    print_line(f"Duration: {time.monotonic() - start:.0f} s.")
    print_line(report.summary)
    sys.exit(0 if report.has_passed else 1)


if __name__ == "__main__":
    main()
