"""Cases that measure, and their results as JSON and Markdown. No figure is typed by hand.

A case is a function that yields rows; its docstring says what it is about.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Row = dict[str, Any]


@dataclass(frozen=True)
class Plot:
    """Series of (x, y) by what they are called, to be drawn; and names for some x."""

    name: str  # of the file
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    log_x: bool = False
    log_y: bool = False
    marks: dict[str, float] = field(default_factory=dict)


Setting = TypeVar("Setting")


def row(
    case: str,
    metric: str,
    value: float | None,
    goal: str,
    met: bool,
    reference: float | None = None,
    detail: Any = None,
    plot: Plot | None = None,
) -> Row:
    """One measured figure. `detail` goes into the JSON only: single values, what stands behind a median.
    `plot` is drawn beside the Markdown."""
    result = {
        "case": case,
        "metric": metric,
        "value": value,
        "reference": reference,
        "ratio": value / reference if value is not None and reference else None,
        "goal": goal,
        "met": met,
    }
    if detail is not None:
        result["detail"] = detail
    if plot is not None:
        result["plot"] = asdict(plot)
    return result


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    if value == int(value):
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def measure(
    program: str,
    cases: Sequence[Callable[[Setting], Iterator[Row]]],
    setting: Setting,
    only: list[str] | None,
) -> list[Row]:
    """Runs the cases, prints a line for each row, and returns the rows."""
    rows: list[Row] = []
    for case in cases:
        if only and case.__name__ not in only:
            continue
        about = (case.__doc__ or "").strip().partition("\n")[0]
        print(f"{program}: {case.__name__}: {about}", flush=True)
        for result in case(setting):
            rows.append(result)
            print(
                f"{program}:   {result['metric']}: {figure(result['value'])} "
                f"(goal {result['goal']}: {'met' if result['met'] else 'MISSED'})",
                flush=True,
            )
    return rows


def machine() -> dict[str, Any]:
    import torch

    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo)}
    flags = fields.get("flags", "").split()
    extensions = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if flag in flags]
    model = fields.get("model name", platform.machine())
    return {
        "cpu": f"{model} ({', '.join(extensions) or 'no vector extensions named'})",
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"Linux {platform.release()}",
        "libtorch": torch.__version__,
    }


def write(output: Path, title: str, command: str, rows: list[Row]) -> None:
    """Writes `output` (JSON) and, beside it, the same as Markdown.

    Rows of cases that were not measured now stay in it, with their date and their machine.
    """
    here = machine()
    today = datetime.date.today().isoformat()
    cases = {row["case"] for row in rows}
    rows = [{**row, "date": today, "machine": here} for row in rows]
    if output.exists():
        before = json.loads(output.read_text())
        rows = [row for row in before["rows"] if row["case"] not in cases] + rows
    results = {"title": title, "command": command, "rows": rows}
    output.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    render(results, output)


def render(results: dict[str, Any], source: Path) -> None:
    """Writes the Markdown beside `source`, and the plots into a directory of its name."""
    source.with_suffix(".md").write_text(markdown(results, source))
    for result in results["rows"]:
        if "plot" in result:
            from plots import draw  # only here: matplotlib takes a second to import

            path = plot_path(result, source)
            path.parent.mkdir(exist_ok=True)
            draw(result["plot"], result["case"].capitalize(), path)


def plot_path(result: Row, source: Path) -> Path:
    return source.with_suffix("") / f"{result['plot']['name']}.svg"


def about(machine: dict[str, Any]) -> str:
    """Where it was measured."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; LibTorch {machine['libtorch']}"
    )


def machines_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each once, in the order of their rows."""
    found: list[dict[str, Any]] = []
    for result in rows:
        if result["machine"] not in found:
            found.append(result["machine"])
    return found


def markdown(results: dict[str, Any], source: Path) -> str:
    machines = machines_of(results["rows"])
    lines = [
        f"# {results['title']}",
        "",
        f"Made by `{results['command']}`; generated from `{source.name}`. "
        "The last column says when a row was measured, and on which of these machines:",
        "",
        *(f"{number}. {about(machine)}" for number, machine in enumerate(machines, 1)),
        "",
        "Shared machines are noisy: trust ratios, taken within one run, and goals more than single figures.",
        "",
        "| case | metric | value | reference | ratio | goal | met | measured |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['case']} | {row['metric']} | {figure(row['value'])} | {figure(row['reference'])} "
        f"| {figure(row['ratio'])} | {row['goal']} | {'yes' if row['met'] else '**no**'} "
        f"| {row['date']}, {machines.index(row['machine']) + 1} |"
        for row in results["rows"]
    ]
    for result in results["rows"]:
        if "plot" in result:
            path = plot_path(result, source).relative_to(source.parent)
            lines += ["", f"![{result['case']}]({path})"]
    return "\n".join(lines) + "\n"


def main() -> None:
    source = Path(sys.argv[1])
    render(json.loads(source.read_text()), source)


if __name__ == "__main__":
    main()
