"""From docs/benchmarks.json to docs/benchmarks.md. No figure is typed by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    if value == int(value):
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def render(results: dict[str, Any]) -> str:
    machine = results["machine"]
    about = (
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; LibTorch {machine['libtorch']}. Shared machines are noisy: trust ratios and "
        "goals more than single figures."
    )
    lines = [
        "# Benchmarks",
        "",
        f"Made by `{results['command']}` on {results['date']}; generated from `benchmarks.json`.",
        about,
        "",
        "| case | metric | value | reference | ratio | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['case']} | {row['metric']} | {figure(row['value'])} | {figure(row['reference'])} "
        f"| {figure(row['ratio'])} | {row['goal']} | {'yes' if row['met'] else '**no**'} |"
        for row in results["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    source = Path(sys.argv[1])
    source.with_suffix(".md").write_text(render(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
