"""The zoo's results as Markdown, between the markers of a document. Pure, but for the file that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import report

BEGIN, END = "<!-- zoo:begin -->", "<!-- zoo:end -->"
AS_SAVED = "libtorch"
MOST_LETTERS = 60
NONE = "–"

Row = dict[str, Any]


def render(results: dict[str, Any], document: Path) -> None:
    """Puts the tables in the place of those that are there."""
    text = document.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no place for the zoo's tables, between {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n{markdown(results)}{END}{after}")


def markdown(results: dict[str, Any]) -> str:
    lines = [
        f"Made by `{results['command']}` on {results['date']}, commit `{results['commit']}`; generated from "
        f"[zoo.json](zoo.json).",
        f"Machine: {report.about(results['machine'])}. Engines: {results['engines']}.",
        "Latency is CPU time of batch 1 on one thread.",
        "",
        "| model | chosen plan | speed-up | largest difference | openvino | memory, MiB |",
        "|---|---|---|---|---|---|",
        *(_summary(row) for row in results["models"]),
        "",
        f"Latency in ms of each plan that can be taken; those in bf16 where the config says "
        f"`execution: {json.dumps(results['coarser'])}`, which the choice above was not given:",
        "",
        *_latencies(results["models"]),
    ]
    return "\n".join(lines) + "\n"


def refusal(refused: str) -> str:
    """Why a plan is not taken, in a few words: the first operator, and what is the matter with it."""
    text = refused.removeprefix("it cannot be loaded so: ")
    # Where in the model's source, and by how much exactly, is in the JSON.
    text = re.sub(r" \(at .*\)$", "", text)
    text = re.sub(r"^(beyond tolerance) on .*", r"\1", text)
    operator, _, why = text.partition(" ")
    if not re.fullmatch(r"\w+::[\w.]+", operator):
        return _short(text)
    if why.startswith("is not among"):
        return f"`{operator}`"
    why = re.sub(r"^is not proved for tensors", "", why)
    why = re.sub(r"^is not converted:", ":", why)
    return _short(f"`{operator}`{'' if why.startswith(':') else ' '}{why.strip()}")


def _short(text: str) -> str:
    text = text.replace("|", "\\|")
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1].rstrip() + "…"


def _plan(row: Row, name: str) -> Row | None:
    return next((plan for plan in row["plans"] if plan["name"] == name), None)


def _chosen(row: Row) -> Row | None:
    return next((plan for plan in row["plans"] if plan["chosen"]), None)


def _summary(row: Row) -> str:
    chosen, as_saved, openvino = _chosen(row), _plan(row, AS_SAVED), _plan(row, "openvino")
    speed_up, difference, memory = NONE, NONE, NONE
    if chosen is not None:
        memory = f"{chosen['resident_bytes'] / 2**20:.0f}"
        if chosen["name"] != AS_SAVED:
            difference = report.figure(chosen["max_absolute"])
            if as_saved and as_saved["latency_ms"] and chosen["latency_ms"]:
                speed_up = f"{as_saved['latency_ms'] / chosen['latency_ms']:.1f} ×"
    if openvino is None:
        accepted = _short(row["no_plans"].partition(":")[0] or "not built in")
    else:
        accepted = refusal(openvino["refused"]) if openvino["refused"] else "accepted"
    name = chosen["name"] if chosen else AS_SAVED
    return f"| {row['model']} | {name} | {speed_up} | {difference} | {accepted} | {memory} |"


def _latencies(rows: list[Row]) -> list[str]:
    plans = list(dict.fromkeys(plan["name"] for row in rows for plan in _all_plans(row)))
    lines = ["| model | " + " | ".join(plans) + " |", "|---" * (len(plans) + 1) + "|"]
    for row in rows:
        if row["plans"]:
            latencies = {plan["name"]: plan["latency_ms"] for plan in _all_plans(row)}
            cells = [_latency(latencies.get(name)) for name in plans]
            lines.append(f"| {row['model']} | " + " | ".join(cells) + " |")
    return lines


def _all_plans(row: Row) -> list[Row]:
    return [*row["plans"], *row["coarser_plans"]]


def _latency(milliseconds: float | None) -> str:
    return NONE if milliseconds is None else report.figure(milliseconds)
