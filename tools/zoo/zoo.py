"""Tries every model of the zoo by every plan; writes docs/zoo.json and from it the tables of docs/engines.md.

Run by `make zoo`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import report
from tables import markdown, render
from zoo import ZooEntry, build, names

ROOT = Path(__file__).resolve().parents[2]
# What somebody says who lets answers be a little coarser.
COARSER = {"precisions": ["bf16"], "tolerance": {"rtol": 0.05, "atol": 0.05}}


def probe(modeld: Path, entry: ZooEntry) -> dict[str, Any]:
    """The report of `modeld --probe`. RuntimeError where there is none."""
    command = [str(modeld), "--probe", str(entry.path), "--try-plans=true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout:
        raise RuntimeError(f"{entry.name}: modeld --probe exits with {done.returncode}: {done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def plan_row(plan: dict[str, Any]) -> dict[str, Any]:
    latency = next(iter(plan["latencies"]), None)
    return {
        "name": plan["name"],
        "chosen": plan["chosen"],
        "refused": plan["refused"],
        "latency_ms": latency["seconds"] * 1000 if latency else None,
        "max_absolute": plan["max_absolute"],
        "max_relative": plan["max_relative"],
        "resident_bytes": int(plan["resident_bytes"]),
        "load_seconds": plan["load_seconds"],
    }


def model_row(entry: ZooEntry, probed: dict[str, Any], coarser: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": entry.name,
        "description": entry.description,
        "file_bytes": entry.path.stat().st_size,
        "outcome": probed["outcome"].removeprefix("PROBE_OUTCOME_").lower(),
        "reason": probed["reason"],
        "no_plans": probed["no_plans"],
        "wall_seconds": probed["wall_seconds"],
        "plans": [plan_row(plan) for plan in probed["plans"] if not plan["precision"]],
        "coarser_plans": [plan_row(plan) for plan in coarser["plans"] if plan["precision"]],
    }


def commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def measure(modeld: Path, only: list[str]) -> dict[str, Any]:
    """Builds the models one after the other, so that only one of them lies on the disk."""
    rows, engines = [], ""
    with tempfile.TemporaryDirectory(prefix="modeld-zoo-") as directory:
        for name in only:
            (entry,) = build(Path(directory), [name])
            probed = probe(modeld, entry)
            (entry,) = build(Path(directory), [name], execution=COARSER)
            rows.append(model_row(entry, probed, probe(modeld, entry)))
            entry.path.unlink()
            engines = probed["engine"] or engines
            chosen = next((plan["name"] for plan in rows[-1]["plans"] if plan["chosen"]), "as saved")
            print(f"zoo: {name}: {rows[-1]['outcome']}, {chosen}", flush=True)
    return {
        "command": "make zoo",
        "machine": report.machine(),
        "engines": engines,
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "coarser": COARSER,
        "models": rows,
    }


def as_json(results: dict[str, Any]) -> str:
    """One model a line, so that a difference shows whose figures are others."""
    head = {key: value for key, value in results.items() if key != "models"}
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in head.items()]
    models = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in results["models"])
    return "\n".join(["{", *lines, ' "models": [', models, " ]", "}"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modeld", type=Path, help="the daemon; without it, the tables are made of the file")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "zoo.json")
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "engines.md")
    parser.add_argument(
        "--only", nargs="+", choices=names(), metavar="MODEL", help="tries these, writes nothing"
    )
    arguments = parser.parse_args()
    if arguments.modeld:
        results = measure(arguments.modeld, arguments.only or names())
    else:
        results = json.loads(arguments.output.read_text())
    if arguments.only:
        print(markdown(results))
    else:
        arguments.output.write_text(as_json(results))
        render(results, arguments.document)
    failed = [row for row in results["models"] if row["outcome"] != "passed"]
    for row in failed:
        print(f"zoo: {row['model']} was refused: {row['reason']}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
