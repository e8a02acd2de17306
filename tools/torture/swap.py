"""What callers feel of a new version: latencies of a quiet minute against those of a minute of changes.

Open loop, latency from the intended send time. In the second minute versions are dropped one after the
other, each as soon as the one before is live, so that at every moment of it one is being copied, probed,
loaded or swapped in: a single drop would hide behind the quiet rest of its minute.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import models
from daemon_process import DaemonProcess, wait_live
from load import Load, Window, window
from report import Row, row
from setting import Setting

from modeld_client import Client

CASE = "swaps under load"
MINUTE, MINUTE_SHORT = 60, 3
REPETITIONS, REPETITIONS_SHORT = 3, 1
CAPACITY_SECONDS, CAPACITY_SECONDS_SHORT = 10.0, 2.0
WORKERS = 2
SETTLE_MS = 500
# Versions are made before a repetition and looked for only now and then: neither is the daemon's work.
PREPARED, PREPARED_SHORT = 40, 3
POLL_S = 0.1


@dataclass(frozen=True)
class Target:
    name: str
    versions: models.Versions
    load: float  # share of the capacity
    most: float  # p99 of the minute with swaps, in p99s of the quiet one


@dataclass(frozen=True)
class Repetition:
    quiet: Window
    swapping: Window
    swaps: int
    last: str

    @property
    def ratio(self) -> float:
        return self.swapping.quantile_ms(0.99) / self.quiet.quantile_ms(0.99)


def capacity(setting: Setting, daemon: DaemonProcess, target: Target) -> float:
    """Calls a second, with as many under way as keep the workers busy."""
    span = CAPACITY_SECONDS_SHORT if setting.short else CAPACITY_SECONDS
    shape = (1, *target.versions.shape)
    load = Load(setting.load, daemon.address, target.versions.name, shape, span, concurrency=2 * WORKERS)
    # The first and the last second are not whole.
    seconds = load.seconds()
    whole = seconds[1:-1] or seconds
    return window(whole).calls / len(whole)


class Swapper:
    """Drops one version after the other."""

    def __init__(self, daemon: DaemonProcess, client: Client, versions: models.Versions) -> None:
        self._daemon = daemon
        self._client = client
        self._versions = versions
        self._files: deque[tuple[str, Path]] = deque()
        self._saved = 0
        self.swaps = 0
        self.version = ""

    def prepare(self, count: int) -> None:
        while len(self._files) < count:
            self._saved += 1
            version = f"1.{self._saved}"
            self._files.append((version, self._versions.save(version, float(self._saved))))

    def swap(self) -> None:
        self.prepare(1)
        self.version, path = self._files.popleft()
        # A move within the file system: the copy into the drop directory is not the daemon's work.
        path.rename(self._daemon.drop / path.name)
        wait_live(self._client, self._versions.name, self.version, timeout_s=120, poll_s=POLL_S)
        (self._daemon.drop / path.name).unlink()
        self.swaps += 1


def repetition(
    setting: Setting, daemon: DaemonProcess, target: Target, swapper: Swapper, rate: float, seed: int
) -> Repetition:
    minute = MINUTE_SHORT if setting.short else MINUTE
    swapper.prepare(PREPARED_SHORT if setting.short else PREPARED)

    def load() -> Load:
        # The same arrivals, by the same seed: near capacity the worst hundredth is that of a few crowds, and
        # chance makes them differ from minute to minute by more than what is to be seen.
        shape = (1, *target.versions.shape)
        return Load(
            setting.load, daemon.address, target.versions.name, shape, minute + 1, rate=rate, seed=seed
        )

    quiet = load().seconds()
    with_swaps = load()
    before = swapper.swaps
    took_s = 0.0
    while time.monotonic() + took_s < with_swaps.started + minute + 1:  # the last one is to end in time
        began = time.monotonic()
        swapper.swap()
        took_s = time.monotonic() - began
    return Repetition(
        quiet=window(quiet[1:]),  # without the first second, in which connections are made
        swapping=window(with_swaps.seconds()[1:]),
        swaps=swapper.swaps - before,
        last=swapper.version,
    )


def measure(setting: Setting, target: Target) -> Iterator[Row]:
    name = target.name
    with (
        setting.daemon(
            f"swap-{name}", SETTLE_MS, [f"--instances={WORKERS}", "--log-level=warning"]
        ) as daemon,
        daemon.client() as client,
    ):
        swapper = Swapper(daemon, client, target.versions)
        swapper.swap()
        swapper.swap()
        most = capacity(setting, daemon, target)
        rate = target.load * most
        done = [
            repetition(setting, daemon, target, swapper, rate, setting.seed + number)
            for number in range(REPETITIONS_SHORT if setting.short else REPETITIONS)
        ]
    errors = sum(sum(r.quiet.errors.values()) + sum(r.swapping.errors.values()) for r in done)
    calls = sum(r.quiet.calls + r.swapping.calls for r in done)
    swaps = sum(r.swaps for r in done)
    at = f"{name} at {target.load:.0%} of its capacity"
    yield row(
        CASE,
        f"{at}: failed of {calls} calls over {swaps} swaps",
        errors,
        "0",
        errors == 0 and swaps > 0,
        detail=[dict(r.quiet.errors + r.swapping.errors) for r in done] if errors else None,
    )
    ratio = statistics.median(r.ratio for r in done)
    quiet = statistics.median(r.quiet.quantile_ms(0.99) for r in done)
    goal = f"≤ {target.most} × reference"
    yield row(
        CASE,
        f"{at}: p99 in ms while versions change, median of {len(done)} (reference: quiet)",
        ratio * quiet,
        "reported only" if setting.short else goal,
        setting.short or ratio <= target.most,
        quiet,
        detail={
            "calls_per_second_at_most": round(most, 1),
            "calls_per_second": round(rate, 1),
            "repetitions": [
                {
                    "ratio": round(r.ratio, 3),
                    "swaps": r.swaps,
                    **{
                        f"{label}_{key}_ms": round(part.quantile_ms(share), 3)
                        for label, part in (("quiet", r.quiet), ("swapping", r.swapping))
                        for key, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
                    },
                }
                for r in done
            ],
        },
    )


def swap(setting: Setting) -> Iterator[Row]:
    """Latency while versions change, against that of a quiet minute in the same run."""
    made = setting.work / "swap"
    light = Target("MLP", models.Versions(models.Mlp(), "mlp", made), load=0.3, most=2)
    yield from measure(setting, light)
    if not setting.short:
        heavy = Target("ResNet-18", models.Versions(models.ResNet18(), "resnet", made), load=0.7, most=1.25)
        yield from measure(setting, heavy)
