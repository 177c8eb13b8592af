"""``python -m benchmarks``: start everything, measure, print a table, write benchmarks/out/latest.json."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

OUT = Path(__file__).parent / "out" / "latest.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests: a quick look")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DEBUG"] = "1"
    from benchmarks.bookings import measure  # noqa: PLC0415 - the settings have to stand first

    figures = measure(rounds=15 if options.short else 60)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    print(f"\n{'figure':<52}{'value':>9} {'unit':<5}{'target':>8}")
    for figure in figures:
        print(
            f"{figure.name:<52}{figure.value:>9.1f} {figure.unit:<5}{figure.target:>8.0f}{'' if figure.ok else '  !'}"
        )
    print(f"\nWritten to {OUT.relative_to(Path.cwd())}")
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


if __name__ == "__main__":
    main()
