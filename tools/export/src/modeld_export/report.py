"""What an export came to, for people: a terminal's table, Markdown, and one HTML page without anything beside
it."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

from .engines import EngineResult
from .result import Artifact, Export, Finding

Table = list[list[str]]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _mib(value: float | None) -> str:
    """Memory is told in whole pages that the process did not have before: a small model takes none."""
    return "<1" if value is not None and value < 1 else _figure(value)


def _share(value: float) -> str:
    """In percent; what is beyond tolerance is more than 100 %, however little."""
    if value > 10:
        return "beyond"
    percent = 100 * value
    whole = math.ceil(percent) if percent > 100 else round(percent)
    return f"{percent:.2g} %" if percent < 10 else f"{whole} %"


def _largest(artifact: Artifact) -> str:
    """With its input: of one whose outputs are large the error is, too."""
    worst = max(
        (trial for trial in artifact.trials if trial.difference),
        key=lambda trial: trial.difference.max_absolute if trial.difference else 0.0,
    )
    figure = _figure(artifact.max_absolute)
    return f"{figure} ({worst.name})" if artifact.max_absolute else figure


def explanations(exported: Export) -> list[str]:
    """What the figures mean, and what was not compared."""
    tolerances: dict[str, list[str]] = {}
    for artifact in exported.artifacts:
        if artifact.compared:
            held = f"rtol {artifact.tolerance.rtol:g}, atol {artifact.tolerance.atol:g}"
            tolerances.setdefault(held, []).append(artifact.format)
    told = "; ".join(f"{', '.join(formats)}: {held}" for held, formats in tolerances.items())
    lines = []
    if told:
        lines.append(
            "max abs: the largest |actual - expected|, with its input; of tolerance: the largest share of "
            "what is allowed, atol * scale + rtol * |expected|, where scale is the largest |expected| of the "
            f"same output ({told})"
        )
    return lines + _not_taken(exported)


def _not_taken(exported: Export) -> list[str]:
    """The same inputs of every format, as it is the module that does not take them."""
    refused = {each.name: each.reason for artifact in exported.artifacts for each in artifact.not_taken}
    reasons: dict[str, list[str]] = {}
    for name, why in refused.items():
        reasons.setdefault(why, []).append(name)
    if not reasons:
        return []
    told = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
    one = len(refused) == 1
    return [f"{len(refused)} input{' is' if one else 's are'} not taken by the module itself: {told}"]


def artifact_rows(exported: Export) -> Table:
    rows = [["format", "file", "max abs", "max rel", "of tolerance", "inputs passed", "accuracy", "verdict"]]
    for artifact in exported.artifacts:
        accuracy = artifact.accuracy
        rows.append(
            [
                artifact.format,
                artifact.path.name if artifact.path else "-",
                _largest(artifact) if artifact.compared else "-",
                _figure(artifact.max_relative) if artifact.compared else "-",
                _share(artifact.used) if artifact.compared else "-",
                f"{sum(trial.passed for trial in artifact.trials)} of {len(artifact.trials)}",
                f"{accuracy.artifact:.4f} ({accuracy.change:+.4f})" if accuracy else "-",
                "ok" if artifact.ok else "refused",
            ]
        )
    return rows


def engine_rows(results: Sequence[EngineResult]) -> Table:
    rows = [["engine", "file", "p50 ms", "p99 ms", "load ms", "peak MiB", ""]]
    rows += [
        [
            result.engine,
            result.file,
            _figure(result.p50_ms),
            _figure(result.p99_ms),
            _figure(result.load_ms),
            _mib(result.peak_mib),
            result.why_not,
        ]
        for result in results
    ]
    return rows


def trial_rows(artifact: Artifact) -> Table:
    rows = [["input", "max abs", "max rel", "of tolerance", "beyond", ""]]
    for trial in artifact.trials:
        difference = trial.difference
        rows.append(
            [
                trial.name,
                _figure(difference.max_absolute if difference else None),
                _figure(difference.max_relative if difference else None),
                _share(difference.used) if difference else "-",
                f"{difference.beyond} of {difference.compared}" if difference else "-",
                "ok" if trial.passed else trial.error or "beyond tolerance",
            ]
        )
    return rows


def all_findings(exported: Export) -> list[tuple[str, Finding]]:
    """Each with what it is about: the module, or a format."""
    found = [("module", finding) for finding in exported.findings]
    for artifact in exported.artifacts:
        found += [(artifact.format, finding) for finding in artifact.findings]
    return found


def _title(exported: Export) -> str:
    return f"{exported.name} {exported.version}"


def _aligned(rows: Table) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def as_text(exported: Export, engines: Sequence[EngineResult] = ()) -> str:
    lines = [_title(exported), "", *_aligned(artifact_rows(exported))]
    lines += [part for line in explanations(exported) for part in ("", line)]
    findings = all_findings(exported)
    if findings:
        lines += ["", *(f"{about}: {finding}" for about, finding in findings)]
    if engines:
        lines += ["", *_aligned(engine_rows(engines))]
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    """What modules print and users name is text: no markup, and one line."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\|`*\[\]])", r"\\\1", plain)


def _markdown_table(rows: Table) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_markdown(cell) for cell in cells) + " |"

    return [line(rows[0]), "|" + "---|" * len(rows[0]), *(line(row) for row in rows[1:])]


def as_markdown(exported: Export, engines: Sequence[EngineResult] = ()) -> str:
    lines = [f"# {_title(exported)}", "", *_markdown_table(artifact_rows(exported))]
    lines += [part for line in explanations(exported) for part in ("", _markdown(line))]
    findings = all_findings(exported)
    if findings:
        lines += [
            "",
            "## Findings",
            "",
            *(f"- {_markdown(f'{about}: {finding}')}" for about, finding in findings),
        ]
    for artifact in exported.artifacts:
        if artifact.trials:
            lines += ["", f"## {artifact.format}", "", *_markdown_table(trial_rows(artifact))]
    if engines:
        lines += ["", "## Engines", "", *_markdown_table(engine_rows(engines))]
    return "\n".join(lines) + "\n"


def _html_table(rows: Table) -> str:
    def cells(row: Sequence[str], kind: str) -> str:
        return "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in row)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{cells(rows[0], 'th')}</tr></thead><tbody>{body}</tbody></table>"


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{border-bottom:1px solid #ccc;padding:.3rem .7rem;text-align:left}"
    ".error{color:#a00}svg{max-width:100%;height:auto}"
)


def as_html(exported: Export, engines: Sequence[EngineResult] = (), plots: Sequence[str] = ()) -> str:
    """Args:
    plots: SVG elements.
    """
    title = html.escape(_title(exported))
    parts = [f"<h1>{title}</h1>", _html_table(artifact_rows(exported))]
    parts += [f"<p>{html.escape(line)}</p>" for line in explanations(exported)]
    findings = all_findings(exported)
    if findings:
        items = "".join(
            f'<li class="{finding.severity.value}">{html.escape(f"{about}: {finding}")}</li>'
            for about, finding in findings
        )
        parts.append(f"<h2>Findings</h2><ul>{items}</ul>")
    if engines:
        parts += ["<h2>Engines</h2>", _html_table(engine_rows(engines))]
    parts += [f"<figure>{plot}</figure>" for plot in plots]
    for artifact in exported.artifacts:
        if artifact.trials:
            parts += [f"<h2>{html.escape(artifact.format)}</h2>", _html_table(trial_rows(artifact))]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
