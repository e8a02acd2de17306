"""Plots of measured series, as SVG files that are the same whenever the figures are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Text stays text, and no random identifiers or dates: a changed file means changed figures.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "modeld", "axes.grid": True, "grid.alpha": 0.3}


def draw(plot: dict[str, Any], title: str, path: Path) -> None:
    """`plot` as report.Plot describes it."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
        for name, points in plot["series"].items():
            axes.plot(*zip(*points), marker=".", label=name)
        if plot["log_x"]:
            ticks = sorted({x for points in plot["series"].values() for x, _ in points})
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        if plot["log_y"]:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
        else:
            axes.set_ylim(bottom=0)
        for name, x in plot["marks"].items():
            axes.axvline(x, color="grey", linestyle="--", linewidth=0.8)
            axes.text(x, 0.98, name, rotation=90, va="top", ha="right", transform=axes.get_xaxis_transform())
        axes.set_title(title)
        axes.set_xlabel(plot["x"])
        axes.set_ylabel(plot["y"])
        axes.legend()
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
