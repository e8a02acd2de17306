"""Runs the load generator, and makes figures of what it counted."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Window:
    """What became of the calls that were due within some seconds."""

    latency_us: Counter[int] = field(default_factory=Counter)  # the longest of a bucket, to how many
    refused_us: Counter[int] = field(default_factory=Counter)  # of the errors, those for want of room
    versions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return sum(self.latency_us.values()) + sum(self.errors.values())

    def quantile_ms(self, share: float) -> float:
        """The shortest latency that this share of the answers did not exceed. ValueError: no answer."""
        return quantile_ms(self.latency_us, share)


def quantile_ms(latency_us: Counter[int], share: float) -> float:
    """As Window.quantile_ms, of any counts of latencies."""
    wanted = share * sum(latency_us.values())
    seen = 0
    for latency, count in sorted(latency_us.items()):
        seen += count
        if seen >= wanted:
            return latency / 1000
    raise ValueError("no call was counted")


def window(seconds: Iterable[dict[str, Any]]) -> Window:
    whole = Window()
    for second in seconds:
        whole.latency_us.update({int(longest): count for longest, count in second["latency_us"]})
        whole.refused_us.update({int(longest): count for longest, count in second["refused_us"]})
        whole.versions.update(second["versions"])
        whole.errors.update(second["errors"])
    return whole


class Load:
    """Calls to one model, from a process of its own."""

    def __init__(
        self,
        program: str,
        target: str,
        model: str,
        shape: Sequence[int],
        seconds: float,
        *,
        rate: float = 0.0,
        concurrency: int = 4,
        seed: int = 1,
        timeout_s: float = 30.0,
    ) -> None:
        command = [
            program,
            f"--target={target}",
            f"--model={model}",
            f"--shape={','.join(str(dimension) for dimension in shape)}",
            f"--seconds={seconds}",
            f"--rate={rate}",
            f"--concurrency={concurrency}",
            f"--seed={seed}",
            f"--timeout-s={timeout_s}",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.started = float(self._process.stdout.readline())
        """When the first second began, as time.monotonic() tells it."""

    def seconds(self) -> list[dict[str, Any]]:
        """Waits for the end; what became of the calls, by the second in which they were due."""
        output, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the load generator ended with status {self._process.returncode}")
        result: list[dict[str, Any]] = json.loads(output)["seconds"]
        return result
