"""Plots of a report, as SVG elements that stand in a page by themselves. Needs matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from .engines import EngineResult
from .errors import ExportError
from .result import Export

_SMALLEST = 1e-12  # of an error that is drawn; below are those that are none


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("plots need matplotlib; pip install 'modeld-export[plots]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def errors(exported: Export) -> str:
    """How the absolute errors of each artifact are distributed."""
    figure = _figure(8, 3)
    axes = figure.subplots()
    for artifact in exported.artifacts:
        values = [
            math.log10(max(error, _SMALLEST))
            for trial in artifact.trials
            if trial.difference
            for error in trial.difference.errors
            if math.isfinite(error)
        ]
        if values:
            axes.hist(
                values, bins=40, range=(math.log10(_SMALLEST), 2), histtype="step", label=artifact.format
            )
    axes.set_xlabel("absolute error, power of ten (-12: none)")
    axes.set_ylabel("elements")
    axes.set_yscale("log")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return _svg(figure)


def engines(results: Sequence[EngineResult]) -> str:
    """Latency by engine, and memory where any took some."""
    ran = [result for result in results if result.p50_ms is not None]
    figure = _figure(8, 0.6 + 0.4 * max(1, len(ran)))
    names = [f"{result.engine} ({result.file})" for result in ran]
    if any((result.peak_mib or 0.0) >= 1 for result in ran):
        left, right = figure.subplots(1, 2)
        right.barh(names, [result.peak_mib or 0.0 for result in ran])
        right.set_xlabel("peak, MiB")
        right.set_yticks([])
    else:  # small models take no page that the process had not
        left = figure.subplots()
    left.barh(names, [result.p50_ms or 0.0 for result in ran])
    left.set_xlabel("p50, ms")
    return _svg(figure)
