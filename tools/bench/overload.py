"""What becomes of requests where more come than can be answered, or beside a model that is busy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import models
from daemon_process import DaemonProcess
from load import Load, Window, quantile_ms, window
from rates import deploy
from report import Row, row
from setting import Setting

SECONDS = 60
CAPACITY_SECONDS = 10
SHAPE = (1, *models.ResNet18.INPUT)
DEADLINE_S = 0.1


def resident_mib(daemon: DaemonProcess) -> float:
    fields = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
        if ":" in line
    )
    return int(fields["VmRSS"].split()[0]) / 1024


def capacity(setting: Setting, daemon: DaemonProcess, model: str) -> float:
    load = Load(setting.load, daemon.address, model, SHAPE, CAPACITY_SECONDS + 2, concurrency=4)
    return window(load.seconds()[1:-1]).calls / CAPACITY_SECONDS


class Most:
    """What the daemon can answer. These machines change their speed: looked at before and after."""

    def __init__(self, setting: Setting, daemon: DaemonProcess, model: str) -> None:
        self._measure = lambda: capacity(setting, daemon, model)
        self.first = self._measure()
        self._measured = [self.first]

    def since_last(self) -> float:
        self._measured.append(self._measure())
        return sum(self._measured[-2:]) / 2


def answered(part: Window) -> int:
    return sum(part.latency_us.values())


def overload(setting: Setting) -> Iterator[Row]:
    """ResNet-18 at twice what it can answer, open loop."""
    case = "overload: ResNet-18 at twice its capacity"
    resnet = models.Versions(models.ResNet18(), "resnet", setting.work / "overload")
    options = ["--max-queue=16", "--log-level=warning"]
    with setting.daemon("overload", options=options) as daemon, daemon.client() as client:
        deploy(daemon, client, resnet.save("1.0", 0.0), "resnet")
        at_most = Most(setting, daemon, "resnet")
        offered = 2 * at_most.first
        load = Load(setting.load, daemon.address, "resnet", SHAPE, SECONDS, rate=offered)
        time.sleep(SECONDS / 4)
        before = resident_mib(daemon)
        seconds = load.seconds()
        after = resident_mib(daemon)
        part = window(seconds[2:])
        rate = answered(part) / (SECONDS - 2)
        most = at_most.since_last()
        yield row(
            case,
            f"answers a second over {SECONDS} s (reference: at most)",
            rate,
            "≥ 0.95 × reference",
            rate >= 0.95 * most,
            most,
        )
        refusal = quantile_ms(part.refused_us, 0.99)
        yield row(
            case, f"ms until a refusal, p99 of {sum(part.refused_us.values())}", refusal, "≤ 5", refusal <= 5
        )
        yield row(
            case,
            "MiB resident at the end (reference: after a quarter)",
            after,
            "≤ 1.1 × reference",
            after <= 1.1 * before,
            before,
        )

        stats = client.get_model("resnet").model.versions[0].stats
        assert stats is not None
        run_before = stats.requests
        load = Load(
            setting.load, daemon.address, "resnet", SHAPE, SECONDS, rate=offered, timeout_s=DEADLINE_S
        )
        seconds = load.seconds()
        stats = client.get_model("resnet").model.versions[0].stats
        assert stats is not None
        part = window(seconds)
        rate = answered(part) / SECONDS
        most = at_most.since_last()
        yield row(
            case,
            f"answers a second within {DEADLINE_S * 1000:.0f} ms (reference: at most)",
            rate,
            "≥ 0.9 × reference",
            rate >= 0.9 * most,
            most,
        )
        wasted = stats.requests - run_before - answered(part)
        share = wasted / max(1, stats.requests - run_before)
        yield row(
            case,
            f"share of {stats.requests - run_before} runs that were answered too late",
            share,
            "≤ 0.02",
            share <= 0.02,
        )


def beside(setting: Setting) -> Iterator[Row]:
    """The MLP beside a ResNet-18 that is kept busy."""
    made = setting.work / "beside"
    resnet, mlp = (
        models.Versions(models.ResNet18(), "resnet", made),
        models.Versions(models.Mlp(), "mlp", made),
    )
    with setting.daemon("beside", options=["--log-level=warning"]) as daemon, daemon.client() as client:
        deploy(daemon, client, resnet.save("1.0", 0.0), "resnet")
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")

        def light(seconds: int) -> Window:
            load = Load(setting.load, daemon.address, "mlp", (1, *models.Mlp.INPUT), seconds, rate=200)
            part = window(load.seconds()[1:])
            assert not part.errors, part.errors
            return part

        quiet = light(SECONDS // 2).quantile_ms(0.99)
        busy = Load(setting.load, daemon.address, "resnet", SHAPE, SECONDS // 2 + 4, concurrency=8)
        time.sleep(2)
        together = light(SECONDS // 2).quantile_ms(0.99)
        busy.seconds()
    yield row(
        "a light model beside a heavy one",
        "MLP, 200 calls/s, p99 in ms beside ResNet-18 with 8 in flight (reference: alone)",
        together,
        "≤ 5 × reference",
        together <= 5 * quiet,
        quiet,
    )
