"""Whether memory goes back: resident memory after many swaps against that after a few."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import models
import numpy as np
from daemon_process import DaemonProcess, wait_for, wait_live
from report import Row, row
from setting import Setting

from modeld_client import Client, ModeldError

CASE = "resident memory after swaps"
FEW, MANY = 20, 200
FEW_SHORT, MANY_SHORT = 5, 15
# Enough calls for the profiling executor to compile: it looks at the first of each shape and specializes on
# the second.
CALLS, CALLERS = 6, 3
MOST_GROWTH = 1.10
TIMEOUT_S = 300  # probing and loading wait for whatever else the machine does


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Rss")


def settled_bytes(daemon: DaemonProcess) -> int:
    """Resident memory once what was given up is destroyed and memory stands still."""
    last = [0, 0, 0]

    def still() -> int:
        last.append(resident_bytes(daemon.pid))
        del last[0]
        return last[0] if max(last) - min(last) < 256 << 10 else 0

    return wait_for("resident memory to stand still", still)


def call(client: Client, model: str, shape: tuple[int, ...]) -> None:
    """Requests of two shapes, from several callers at once."""
    failures: list[str] = []

    def run() -> None:
        try:
            for batch in (1, 2):
                for _ in range(CALLS // 2):
                    client.predict(model, {"x": np.zeros((batch, *shape), np.float32)})
        except ModeldError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])


def grow(setting: Setting, name: str, versions: models.Versions) -> Iterator[Row]:
    few, many = (FEW_SHORT, MANY_SHORT) if setting.short else (FEW, MANY)
    sizes: dict[int, int] = {}
    with setting.daemon(f"memory-{name}") as daemon, daemon.client() as client:
        for number in range(1, many + 1):
            version = f"1.{number}"
            path = versions.save(version, float(number))
            path.rename(daemon.drop / path.name)
            wait_live(client, versions.name, version, timeout_s=TIMEOUT_S)
            call(client, versions.name, versions.shape)
            (daemon.drop / path.name).unlink()
            if number in (few, many) or number % 20 == 0:
                sizes[number] = settled_bytes(daemon)
        daemon.terminate()
    per_swap = (sizes[many] - sizes[few]) / (many - few)
    yield row(
        CASE,
        f"MiB, {name}: after {many} swaps (reference: after {few})",
        sizes[many] / 2**20,
        f"≤ {MOST_GROWTH} × reference",
        sizes[many] <= MOST_GROWTH * sizes[few],
        sizes[few] / 2**20,
        detail={
            "mib_after_swaps": {n: round(size / 2**20, 1) for n, size in sizes.items()},
            "bytes_per_swap": round(per_swap),
        },
    )


def memory(setting: Setting) -> Iterator[Row]:
    """Memory after 200 swaps against that after 20, with requests in between."""
    made = setting.work / "made"
    yield from grow(setting, "MLP", models.Versions(models.Mlp(), "mlp", made))
    if not setting.short:
        yield from grow(setting, "ResNet-18", models.Versions(models.ResNet18(), "resnet", made))
