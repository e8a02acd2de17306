"""Whether what the daemon chooses by itself is the best of what one could have told it."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import models
from daemon_process import DaemonProcess
from h2load import SECONDS, grpc_rate
from rates import PREDICT, closed, deploy, expect_no_errors, predict_body
from report import Row, row
from setting import Setting
from torch import nn

REPETITIONS = 3
GOAL = 0.95


def choices(cores: int) -> list[tuple[int, int]]:
    """Instances and threads of each that use no more than the cores."""
    return [(i, t) for i in (1, 2, 4, 8) for t in (1, 2, 4, 8) if i * t <= cores]


def sides(
    setting: Setting, stack: ExitStack, module: nn.Module, options_of: dict[str, list[str]]
) -> dict[str, Callable[[], float]]:
    """How to measure calls a second with each set of options. All daemons run at once, idle but for one."""
    rates: dict[str, Callable[[], float]] = {}
    name = type(module).__name__.lower()
    for number, (choice, options) in enumerate(options_of.items()):
        work = setting.work / f"defaults-{name}-{number}"
        daemon = stack.enter_context(setting.daemon(work.name, options=["--log-level=warning", *options]))
        client = stack.enter_context(daemon.client())
        deploy(daemon, client, models.Versions(module, name, work / "made").save("1.0", 0.0), name)
        stack.callback(expect_no_errors, client, name)
        if isinstance(module, models.Mlp):
            body = predict_body(setting, name, models.Mlp.INPUT)
            rates[choice] = partial(grpc_rate, daemon.address, PREDICT, body, 64)
        else:
            rates[choice] = partial(resnet_rate, setting, daemon, name)
    return rates


def resnet_rate(setting: Setting, daemon: DaemonProcess, name: str) -> float:
    return closed(setting, daemon, name, models.ResNet18.INPUT, 8).calls / (2 * SECONDS)


def defaults(setting: Setting) -> Iterator[Row]:
    """Instances and threads: the daemon's own choice against every other one, in turns."""
    chosen = choices(len(os.sched_getaffinity(0)))
    options_of = {
        "default": [],
        **{f"{i} × {t}": [f"--instances={i}", f"--threads-per-instance={t}"] for i, t in chosen},
    }
    for what, module in (
        ("ResNet-18, 8 in flight", models.ResNet18()),
        ("MLP, 64 in flight", models.Mlp()),
    ):
        with ExitStack() as stack:
            rates = sides(setting, stack, module, options_of)
            found: dict[str, list[float]] = {choice: [] for choice in rates}
            for _ in range(REPETITIONS):
                for choice, rate in rates.items():
                    found[choice].append(rate())
        medians = {choice: statistics.median(values) for choice, values in found.items()}
        default = medians.pop("default")
        best = max(medians, key=lambda choice: medians[choice])
        yield row(
            "instances and threads that nobody set",
            f"{what}, calls/s (reference: the best of instances × threads, {best})",
            default,
            f"≥ {GOAL} × reference",
            default >= GOAL * medians[best],
            medians[best],
            detail={choice: [round(value, 1) for value in values] for choice, values in found.items()},
        )
