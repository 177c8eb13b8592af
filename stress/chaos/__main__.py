"""``python -m stress.chaos``: send under kills, crashes and faults, and count.

Exit 1 if any message was lost or doubled, or sending took longer than RESUMES_WITHIN to go on.
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
    parser.add_argument("--short", action="store_true", help="a minute and a half instead of ten")
    parser.add_argument("--naive", action="store_true", help="the negative control: lease over, send again")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="repeat a run's dice")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="daybook-chaos-"))
    os.environ |= {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ.pop("DATABASE_URL", None)
    from runtime.embedded_postgres import start_embedded_postgres  # noqa: PLC0415

    start_embedded_postgres(folder / "postgres")
    import django  # noqa: PLC0415

    django.setup()
    from stress.chaos.run import FULL, SHORT, Run, say  # noqa: PLC0415 - models need the set-up above

    say(f"Seed {options.seed}. Everything runs in a database of its own.")
    began = time.monotonic()
    run = Run(folder, SHORT if options.short else FULL, seed=options.seed, naive=options.naive)
    verdict = run.go()
    shutil.rmtree(folder, ignore_errors=True)
    say(f"{verdict.held} e-mails are held for a person, since no mail server can be asked.")
    say(
        f"At most {run.longest_silence:.1f} s without a message on its way ({RESUMES_WITHIN:g} s are promised); "
        f"{time.monotonic() - began:.0f} s in all."
    )
    say(
        f"chaos: {verdict.messages} messages, {run.kills} kills, {run.crashes} database crashes: "
        f"lost {verdict.lost}, doubled {verdict.doubled}, undecided {verdict.undecided}"
    )
    sys.exit(0 if verdict.holds and run.longest_silence <= RESUMES_WITHIN else 1)


if __name__ == "__main__":
    main()
