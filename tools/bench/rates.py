"""How close the daemon comes to two floors, each measured beside it in the same run: for light models a gRPC
server that only echoes, for heavy ones LibTorch's own `forward`.

Both sides take turns for several repetitions; the ratio is the median of theirs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import models
import numpy as np
import torch
from daemon_process import DaemonProcess, wait_live
from h2load import SECONDS, grpc_body, grpc_rate
from load import Load, Window, window
from report import Row, row
from setting import Setting

from modeld_client import Client
from modeld_client._proto import model_service_pb2
from modeld_client.codec import encode

PREDICT = "/modeld.v1.ModelService/Predict"
ECHO = "/modeld.bench.Echo/Call"
REPETITIONS = 5

echo_messages = grpc.protos("floor/echo.proto")


class Narrow(torch.nn.Module):
    """Takes an image and hardly looks at it."""

    INPUT = (3, 224, 224)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0, 0, :4] * 2.0


def predict_body(setting: Setting, model: str, shape: Sequence[int]) -> Path:
    rng = np.random.default_rng(7)
    request = model_service_pb2.PredictRequest(model=model)
    encode(rng.random((1, *shape), dtype=np.float32), request.inputs["x"], "x")
    return grpc_body(setting.work / f"{model}.body", request.SerializeToString())


def echo_body(setting: Setting, size: int) -> Path:
    """A message of as many bytes, or one less where the length of the payload's length does not allow it."""

    def message(payload: int) -> bytes:
        whole: bytes = echo_messages.Payload(payload=b"\x07" * payload).SerializeToString()
        return whole

    payload = size
    while len(message(payload)) > size:
        payload -= 1
    return grpc_body(setting.work / f"echo-{size}.body", message(payload))


@contextmanager
def echo_server(setting: Setting) -> Iterator[str]:
    process = subprocess.Popen([setting.echo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()


def deploy(daemon: DaemonProcess, client: Client, path: Path, model: str, version: str = "1.0") -> None:
    daemon.move_in(path, path.name)
    wait_live(client, model, version, timeout_s=120)


def expect_no_errors(client: Client, model: str) -> None:
    """h2load sees HTTP's status, not gRPC's."""
    for version in client.get_model(model).model.versions:
        if version.stats is not None and version.stats.errors > 0:
            raise RuntimeError(f"{model} {version.version}: {version.stats.errors} requests failed")


def take_turns(ours: Callable[[], float], floor: Callable[[], float]) -> tuple[float, float, list[float]]:
    """Medians of both sides, and the ratio of each turn."""
    pairs = [(ours(), floor()) for _ in range(REPETITIONS)]
    ratios = [mine / theirs for mine, theirs in pairs]
    floor_median = statistics.median(theirs for _, theirs in pairs)
    return statistics.median(ratios) * floor_median, floor_median, ratios


def rate_row(case: str, metric: str, measured: tuple[float, float, list[float]], goal: float) -> Row:
    value, reference, ratios = measured
    return row(
        case,
        metric,
        value,
        f"≥ {goal} × reference",
        value / reference >= goal,
        reference,
        detail={"ratios": [round(ratio, 3) for ratio in ratios]},
    )


def light(setting: Setting) -> Iterator[Row]:
    """A model that costs little: the MLP, and a small one with large inputs, against a gRPC echo."""
    case = "light model against a gRPC echo, calls/s"
    made = setting.work / "light"
    mlp = models.Versions(models.Mlp(), "mlp", made)
    batched = models.Versions(models.Mlp(), "mlp-batched", made)
    narrow = models.Versions(Narrow(), "narrow", made)
    with (
        setting.daemon("light", options=["--log-level=warning"]) as daemon,
        daemon.client() as client,
    ):
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")
        deploy(
            daemon,
            client,
            batched.save("1.0", 0.0, batching={"max_batch_size": 32}),
            "mlp-batched",
        )
        deploy(daemon, client, narrow.save("1.0", 0.0), "narrow")
        with echo_server(setting) as echo:
            for model, shape, in_flight, goal, metric in (
                ("mlp-batched", (16,), 64, 0.85, "MLP, 64 in flight, batched"),
                ("mlp", (16,), 64, 0.65, "MLP, 64 in flight, not batched"),
                ("mlp", (16,), 8, 0.7, "MLP, 8 in flight"),
                ("mlp", (16,), 1, 0.7, "MLP, 1 in flight"),
                ("narrow", (3, 224, 224), 8, 0.8, "602 kB of input, 8 in flight"),
            ):
                message = predict_body(setting, model, shape)
                same = echo_body(setting, message.stat().st_size - 5)
                measured = take_turns(
                    lambda message=message, in_flight=in_flight: grpc_rate(
                        daemon.address, PREDICT, message, in_flight
                    ),
                    lambda same=same, in_flight=in_flight: grpc_rate(echo, ECHO, same, in_flight),
                )
                expect_no_errors(client, model)
                yield rate_row(case, f"{metric} (reference: echo of as many bytes)", measured, goal)


def forward(setting: Setting, path: Path, shape: Sequence[int], callers: int) -> dict[str, float]:
    done = subprocess.run(
        [
            setting.forward,
            f"--model={path}",
            f"--shape={','.join(str(size) for size in (1, *shape))}",
            f"--callers={callers}",
            f"--seconds={2 * SECONDS}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def whole(load: Load) -> Window:
    """Without the first and the last second, which are not whole."""
    part = window(load.seconds()[1:-1])
    if part.errors:
        raise RuntimeError(f"calls failed: {dict(part.errors)}")
    return part


def closed(
    setting: Setting,
    daemon: DaemonProcess,
    model: str,
    shape: Sequence[int],
    in_flight: int,
) -> Window:
    span = 2 * SECONDS + 2
    load = Load(setting.load, daemon.address, model, (1, *shape), span, concurrency=in_flight)
    return whole(load)


def heavy(setting: Setting) -> Iterator[Row]:
    """A model that costs much: ResNet-18, against LibTorch's own forward."""
    case = "heavy model against bare forward"
    made = setting.work / "heavy"
    shape = models.ResNet18.INPUT
    for instances, goal in ((1, 0.97), (2, 0.95)):
        resnet = models.Versions(models.ResNet18(), "resnet", made)
        path = resnet.save("1.0", 0.0)
        options = [f"--instances={instances}", "--log-level=warning"]
        with (
            setting.daemon(f"heavy-{instances}", options=options) as daemon,
            daemon.client() as client,
        ):
            deploy(daemon, client, path, "resnet")
            time.sleep(1)
            measured = take_turns(
                lambda daemon=daemon: closed(setting, daemon, "resnet", shape, 8).calls / (2 * SECONDS),
                lambda path=path, instances=instances: forward(setting, path, shape, instances)[
                    "calls_per_second"
                ],
            )
            yield rate_row(
                case,
                f"ResNet-18, {instances} instance{'s' if instances > 1 else ''} of 1 thread, 8 in flight, "
                f"calls/s (reference: bare forward, {instances} caller{'s' if instances > 1 else ''})",
                measured,
                goal,
            )
            if instances > 1:
                continue
            pairs = [
                (
                    closed(setting, daemon, "resnet", shape, 1).quantile_ms(0.5),
                    forward(setting, path, shape, 1)["p50_ms"],
                )
                for _ in range(REPETITIONS)
            ]
            beyond = statistics.median(ours - bare for ours, bare in pairs)
            bare = statistics.median(bare for _, bare in pairs)
            yield row(
                case,
                "ResNet-18, 1 in flight, p50 in ms (reference: bare forward)",
                bare + beyond,
                "≤ reference + 1.5 ms",
                beyond <= 1.5,
                bare,
                detail={"beyond_ms": [round(ours - bare, 3) for ours, bare in pairs]},
            )
