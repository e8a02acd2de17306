"""Proves that version changes are safe; writes docs/torture.json and, from it, docs/torture.md.

One module a case, each yielding rows {case, metric, value, reference, ratio, goal, met}. Run by
`make torture` at full length, and with --short by `make test`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import report
from kill import kill
from many_versions import many_versions
from memory import memory
from setting import Setting
from swap import swap

ROOT = Path(__file__).resolve().parents[2]
CASES = [swap, many_versions, memory, kill]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modeld", required=True)
    parser.add_argument("--modelctl", required=True)
    parser.add_argument("--load", required=True, help="the load generator, modeld_load")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes; writes no report")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", action="append", help="run this case only, and keep the others' figures; may be given again"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "torture.json")
    arguments = parser.parse_args()

    work = Path(tempfile.mkdtemp(prefix="modeld-torture-"))
    try:
        setting = Setting(
            modeld=arguments.modeld,
            modelctl=arguments.modelctl,
            load=arguments.load,
            work=work,
            short=arguments.short,
            seed=arguments.seed,
        )
        rows = report.measure("torture", CASES, setting, arguments.only)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if not arguments.short:
        report.write(arguments.output, "Torture", "make torture", rows)
    return 0 if all(result["met"] for result in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
