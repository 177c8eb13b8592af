"""``python -m benchmarks``: start everything, measure, print a table, write benchmarks/out/latest.json."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests and a shorter load: a quick estimate")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DEBUG"] = "1"
    from runtime.embedded_postgres import ensure_database_url  # noqa: PLC0415

    ensure_database_url()
    import django  # noqa: PLC0415 - needs the settings above

    django.setup()
    from benchmarks.figures import show, write  # noqa: PLC0415 - models need the set-up above
    from benchmarks.plan import LONG, SHORT, measure  # noqa: PLC0415

    figures = measure(SHORT if options.short else LONG)
    show(figures)
    print(f"\nWritten to {write(figures).relative_to(Path.cwd())}")
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


if __name__ == "__main__":
    main()
