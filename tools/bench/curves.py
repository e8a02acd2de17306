"""What single figures do not show: how rate and latency go with load, and how callers feel a new version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import models
from daemon_process import wait_live
from h2load import grpc_rate
from load import Load, window
from rates import ECHO, PREDICT, deploy, echo_body, echo_server, expect_no_errors, predict_body
from report import Plot, Row, row
from setting import Setting

IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64)
SECONDS = 3
SHARES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
OFFERED_SECONDS = 12
TRACE_SECONDS, DROPS_AT = 30, (10, 20)
TRACE_RATE = 2000


def throughput(setting: Setting) -> Iterator[Row]:
    """Calls a second of the MLP against how many are under way."""
    made = setting.work / "throughput"
    mlp = models.Versions(models.Mlp(), "mlp", made)
    batched = models.Versions(models.Mlp(), "mlp-batched", made)
    with (
        setting.daemon("throughput", options=["--log-level=warning"]) as daemon,
        daemon.client() as client,
        echo_server(setting) as echo,
    ):
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")
        deploy(daemon, client, batched.save("1.0", 0.0, batching={"max_batch_size": 32}), "mlp-batched")
        bodies = {model: predict_body(setting, model, models.Mlp.INPUT) for model in ("mlp", "mlp-batched")}
        same = echo_body(setting, bodies["mlp"].stat().st_size - 5)

        def predict(model: str) -> Callable[[int], float]:
            return lambda count: grpc_rate(daemon.address, PREDICT, bodies[model], count, SECONDS)

        sides = {
            "gRPC echo": lambda count: grpc_rate(echo, ECHO, same, count, SECONDS),
            "MLP, batched": predict("mlp-batched"),
            "MLP": predict("mlp"),
        }
        series: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for count in IN_FLIGHT:
            for name, rate in sides.items():
                series[name].append((count, rate(count)))
        for model in bodies:
            expect_no_errors(client, model)
    most = max(rate for _, rate in series["MLP, batched"])
    yield row(
        "throughput against calls in flight",
        "MLP, batched, calls/s at most (reference: echo at most)",
        most,
        "reported only",
        True,
        max(rate for _, rate in series["gRPC echo"]),
        plot=Plot("throughput", "Calls under way", "Calls a second", series, log_x=True),
    )


def latency(setting: Setting) -> Iterator[Row]:
    """ResNet-18's latency against the load that is offered, open loop."""
    shape = (1, *models.ResNet18.INPUT)
    resnet = models.Versions(models.ResNet18(), "resnet", setting.work / "latency")
    with setting.daemon("latency", options=["--log-level=warning"]) as daemon, daemon.client() as client:
        deploy(daemon, client, resnet.save("1.0", 0.0), "resnet")
        load = Load(setting.load, daemon.address, "resnet", shape, OFFERED_SECONDS, concurrency=4)
        most = window(load.seconds()[1:-1]).calls / (OFFERED_SECONDS - 2)
        series: dict[str, list[tuple[float, float]]] = {"p50": [], "p90": [], "p99": []}
        for share in SHARES:
            load = Load(setting.load, daemon.address, "resnet", shape, OFFERED_SECONDS, rate=share * most)
            part = window(load.seconds()[1:])
            for name, points in series.items():
                points.append((100 * share, part.quantile_ms(int(name[1:]) / 100)))
    yield row(
        "latency against offered load",
        "ResNet-18, p99 in ms at 70% of capacity (reference: at 10%)",
        dict(series["p99"])[70],
        "reported only",
        True,
        dict(series["p99"])[10],
        plot=Plot("latency", "Offered, % of capacity", "ms from the intended send time", series, log_y=True),
    )


def swap_trace(setting: Setting) -> Iterator[Row]:
    """The MLP's latency, second by second, while two new versions come."""
    mlp = models.Versions(models.Mlp(), "mlp", setting.work / "trace")
    with setting.daemon("trace", options=["--log-level=warning"]) as daemon, daemon.client() as client:
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")
        versions: list[tuple[str, Path]] = [
            (f"1.{number}", mlp.save(f"1.{number}", float(number))) for number in (1, 2)
        ]
        shape = (1, *models.Mlp.INPUT)
        load = Load(setting.load, daemon.address, "mlp", shape, TRACE_SECONDS, rate=TRACE_RATE)
        marks: dict[str, float] = {}
        for at, (version, path) in zip(DROPS_AT, versions):
            time.sleep(max(0.0, load.started + at - time.monotonic()))
            daemon.move_in(path, path.name)
            marks[f"{version} dropped"] = time.monotonic() - load.started
            wait_live(client, "mlp", version)
            marks[f"{version} live"] = time.monotonic() - load.started
        seconds = load.seconds()
    names = {"p50": 0.5, "p99": 0.99, "longest": 1.0}
    series = {
        name: [(number + 0.5, window([second]).quantile_ms(share)) for number, second in enumerate(seconds)]
        for name, share in names.items()
    }
    failed = sum(window(seconds).errors.values())
    yield row(
        "latency across a swap",
        f"MLP, {TRACE_RATE} calls/s, failed of {window(seconds).calls} calls across two swaps",
        failed,
        "0",
        failed == 0,
        plot=Plot("swap", "s", "ms from the intended send time", series, log_y=True, marks=marks),
    )
