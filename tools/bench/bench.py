"""Measures what the README promises; writes docs/benchmarks.json and, from it, docs/benchmarks.md.

Each case is a function that yields rows {case, metric, value, reference, ratio, goal, met}. Run by
`make bench`.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import artifacts
import grpc
import numpy as np
import report
from curves import latency, swap_trace, throughput
from daemon_process import DaemonProcess, wait_for, wait_live
from defaults import defaults
from images import images
from overload import beside, overload
from peers.measure import peers
from plans import plans
from protocols import protocols
from rates import heavy, light
from report import Row, row
from setting import Setting
from watched import watched

from modeld_client import Client, ModeldError
from modeld_client._proto import admin_service_pb2

ROOT = Path(__file__).resolve().parents[2]
INPUT = {"x": np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)}


def deploy(setting: Setting, daemon: DaemonProcess, client: Client, version: str) -> None:
    """Drops a new version of `digits`, unlike every other, and waits until it is live."""
    tag = float(version.replace(".", ""))
    path = artifacts.save(artifacts.Classifier(tag), setting.work / "new.pt", "digits", version)
    daemon.move_in(path, f"digits-{version}.pt")
    wait_live(client, "digits", version)


def drop_to_answer(setting: Setting) -> Iterator[Row]:
    """From a file's last byte to the first answer by the new version."""
    beyond, loads = [], []
    with setting.daemon("drop", settle_ms=500) as daemon, daemon.client() as client:
        for number in range(1, 11):
            version = f"1.{number}"
            path = artifacts.save(artifacts.Classifier(number), setting.work / "new.pt", "digits", version)
            load = artifacts.bare_load_s(path)
            last_byte = daemon.move_in(path, f"digits-{version}.pt")
            while True:
                try:
                    if client.predict("digits", INPUT).version == version:
                        break
                except ModeldError:
                    time.sleep(0.001)
            beyond.append(time.monotonic() - last_byte - daemon.settle_ms / 1000 - load)
            loads.append(load)
    yield row(
        "last byte to first answer, beyond settle time and bare load",
        "s, worst of 10 drops (reference: bare load, median)",
        max(beyond),
        "≤ 0.5",
        max(beyond) <= 0.5,
        statistics.median(loads),
    )


def call_rollback(daemon: DaemonProcess) -> None:
    """The command's RPC, on a connection of its own."""
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        channel.unary_unary(
            "/modeld.v1.AdminService/Rollback",
            request_serializer=admin_service_pb2.RollbackRequest.SerializeToString,
            response_deserializer=admin_service_pb2.RollbackResponse.FromString,
        )(admin_service_pb2.RollbackRequest(model="digits", reason="benchmark", actor="bench"))


def rollback(setting: Setting) -> Iterator[Row]:
    """The rollback command, and what the requests after it are answered by."""
    times, calls, wrong = [], [], 0
    with setting.daemon("rollback") as daemon, daemon.client() as client:
        for version in ("1.0", "1.1"):
            deploy(setting, daemon, client, version)
        for _ in range(50):
            began = time.perf_counter()
            daemon.ctl("rollback", "digits", "--reason", "benchmark")
            times.append((time.perf_counter() - began) * 1000)
            wrong += sum(client.predict("digits", INPUT).version != "1.0" for _ in range(20))
            daemon.ctl("promote", "digits", "1.1")
            began = time.perf_counter()
            call_rollback(daemon)
            calls.append((time.perf_counter() - began) * 1000)
            daemon.ctl("promote", "digits", "1.1")
        began = time.perf_counter()
        daemon.ctl("status")
        start_ms = (time.perf_counter() - began) * 1000
    median = statistics.median(times)
    call = statistics.median(calls)
    yield row(
        "rollback to a warm version",
        "ms, the call with its connection: commit and swap, median of 50",
        call,
        "≤ 20",
        call <= 20,
    )
    yield row(
        "rollback to a warm version",
        "ms, modelctl from exec to exit, median of 50 (reference: modelctl status)",
        median,
        "≤ 20",
        median <= 20,
        start_ms,
    )
    yield row(
        "requests after a rollback's return", "answers by the wrong version, of 1000", wrong, "0", wrong == 0
    )


def swaps(setting: Setting) -> Iterator[Row]:
    """200 new versions dropped under the load of 8 clients."""
    count = 200
    published: list[float] = []  # when the daemon said so, by version number
    answers: list[tuple[float, int]] = []  # (when the request began, version number)
    failures: list[str] = []
    stop = threading.Event()

    def call(address: str) -> None:
        mine: list[tuple[float, int]] = []
        with Client(address) as client:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    mine.append((began, int(client.predict("digits", INPUT).version)))
                except ModeldError as error:
                    failures.append(str(error))
        answers.extend(mine)

    with setting.daemon("swaps", settle_ms=20) as daemon, daemon.client() as client:
        deploy(setting, daemon, client, "0")
        published.append(time.monotonic())
        threads = [threading.Thread(target=call, args=(daemon.address,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number in range(1, count + 1):
            deploy(setting, daemon, client, str(number))
            published.append(time.monotonic())
        stop.set()
        for thread in threads:
            thread.join()
    wrong = sum(began > published[version + 1] for began, version in answers if version + 1 < len(published))
    yield row(
        f"{count} swaps under load", f"failed of {len(answers)} requests", len(failures), "0", not failures
    )
    yield row(
        f"{count} swaps under load", "answers by the wrong version after publish", wrong, "0", wrong == 0
    )


def inspect(setting: Setting) -> Iterator[Row]:
    """modelctl inspect of 45 MB, the whole process."""
    path = artifacts.save(artifacts.Padded(), setting.work / "padded.pt", "padded", "1.0")

    def median_ms(*command: str) -> float:
        times = []
        for _ in range(21):
            began = time.perf_counter()
            subprocess.run([setting.modelctl, *command], check=True, stdout=subprocess.DEVNULL)
            times.append((time.perf_counter() - began) * 1000)
        return statistics.median(times)

    value = median_ms("inspect", str(path))
    yield row(
        f"modelctl inspect of {path.stat().st_size / 1e6:.0f} MB",
        "ms, from exec to exit, median of 21 (reference: modelctl --version)",
        value,
        "≤ 30",
        value <= 30,
        median_ms("--version"),
    )


def start(setting: Setting) -> Iterator[Row]:
    """Start with 1,000 registered versions of which 10 are live."""
    daemon = setting.daemon("start", settle_ms=0)
    daemon.start()
    path = setting.work / "many.pt"
    for model in range(10):
        # Highest first: each later one is registered without being loaded.
        for version in range(100, 0, -1):
            artifacts.save(artifacts.Classifier(version), path, f"model-{model}", str(version))
            daemon.move_in(path, f"model-{model}-{version}.pt")
    wait_for("1,000 versions to be registered", lambda: daemon.status().versions >= 1000, 300)
    with daemon.client() as client:
        for model in range(10):
            wait_live(client, f"model-{model}", "100")
    daemon.terminate()
    load = sum(artifacts.bare_load_s(path) for _ in range(10))
    totals = []
    for _ in range(5):
        began = time.monotonic()
        daemon.start()
        totals.append(time.monotonic() - began)
        daemon.terminate()
    total = statistics.median(totals)
    yield row(
        "start with 1,000 versions, 10 live, beyond bare loading",
        "s, from exec to ready, median of 5 (reference: bare load of the 10)",
        total - load,
        "≤ 1",
        total - load <= 1,
        load,
    )


def demo(setting: Setting) -> Iterator[Row]:
    """`make demo` on the built tree."""
    began = time.monotonic()
    done = subprocess.run(["make", "-s", "demo"], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    took = time.monotonic() - began
    met = took <= 60 and done.returncode == 0
    yield row("make demo on a built tree", "s", took, "≤ 60", met)


CASES: list[Callable[[Setting], Iterator[Row]]] = [
    light,
    heavy,
    overload,
    beside,
    defaults,
    plans,
    protocols,
    images,
    watched,
    throughput,
    latency,
    swap_trace,
    drop_to_answer,
    rollback,
    swaps,
    inspect,
    start,
    demo,
]
WITH_PEERS = [peers]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modeld", required=True)
    parser.add_argument("--modelctl", required=True)
    parser.add_argument("--load", required=True, help="the load generator, modeld_load")
    parser.add_argument("--echo", required=True, help="the gRPC floor, modeld_echo")
    parser.add_argument("--forward", required=True, help="the LibTorch floor, modeld_forward")
    parser.add_argument("--plans", required=True, help="the engines' floors, modeld_plan_bench")
    parser.add_argument("--image", required=True, help="the image floor, modeld_image_bench")
    parser.add_argument(
        "--only", action="append", help="run this case only, and keep the others' figures; may be given again"
    )
    parser.add_argument(
        "--peers", type=Path, help="measure other servers instead, installed in this directory where missing"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.json")
    arguments = parser.parse_args()
    # As an exception, so that every server that was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    work = Path(tempfile.mkdtemp(prefix="modeld-bench-"))
    try:
        setting = Setting(
            modeld=arguments.modeld,
            modelctl=arguments.modelctl,
            load=arguments.load,
            echo=arguments.echo,
            forward=arguments.forward,
            plans=arguments.plans,
            image=arguments.image,
            work=work,
            peers=arguments.peers,
        )
        rows = report.measure("bench", WITH_PEERS if arguments.peers else CASES, setting, arguments.only)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report.write(arguments.output, "Benchmarks", "make bench", rows)
    return 0 if all(result["met"] for result in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
