"""10,000 versions of 1,000 models: how long it takes to start and to list, and how much memory it takes."""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from admin import Admin
from daemon_process import DaemonProcess
from memory import settled_bytes
from report import Row, row
from setting import Setting

from modeld_client import Client
from modeld_client._proto import model_service_pb2

CASE = "10,000 versions of 1,000 models"
MODELS, VERSIONS = 1000, 10
HISTORY = 200  # events of one model, beside its versions' registrations
ROUNDS = 5
MOST_SECONDS = 1.0
MOST_BYTES = 2048
SECOND_NS = 1_000_000_000


def fill(database: Path) -> None:
    """Writes the rows that as many drops would have written. All versions but the highest are retired and the
    highest quarantined, so that none is to be loaded: this is about the registry."""
    config = json.dumps({"version": "1.0", "inputs": [{"name": "x", "dtype": "FP32", "shape": ["-1", "16"]}]})
    with closing(sqlite3.connect(database)) as connection, connection:
        for model in range(MODELS):
            name = f"model-{model:04}"
            connection.execute("INSERT INTO models (name) VALUES (?)", (name,))
            for version in range(VERSIONS):
                sha256 = f"{model * VERSIONS + version:064x}"
                text = f"1.{version}"
                at = (1_700_000_000 + model * VERSIONS + version) * SECOND_NS
                highest = version == VERSIONS - 1
                connection.execute(
                    "INSERT INTO artifacts (sha256, size_bytes, format) VALUES (?, 45000000, 'torchscript')",
                    (sha256,),
                )
                connection.execute(
                    "INSERT INTO versions (model, version, sha256, disposition, reason, description,"
                    " warnings, registered_at_ns, config)"
                    " VALUES (?, ?, ?, ?, ?, 'made by the nightly job', '[]', ?, ?)",
                    (
                        name,
                        text,
                        sha256,
                        "quarantined" if highest else "retired",
                        "golden sample 0 differs in output logits" if highest else "superseded",
                        at,
                        config,
                    ),
                )
                insert_event(connection, at, "registered", name, text)
        for number in range(HISTORY):
            insert_event(connection, 1_800_000_000 * SECOND_NS + number, "label", "model-0500", "1.0")


def insert_event(connection: sqlite3.Connection, at: int, action: str, model: str, version: str) -> None:
    connection.execute(
        "INSERT INTO events (time_ns, actor, action, model, version, from_version, to_version, reason)"
        " VALUES (?, 'daemon', ?, ?, ?, '', '', '')",
        (at, action, model, version),
    )


def seconds(work: Callable[[], object]) -> float:
    """The median of some tries."""
    times = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        work()
        times.append(time.monotonic() - began)
    return statistics.median(times)


def list_page(client: Client, size: int) -> None:
    """One page as it comes over the wire. Not `listing`, which asks for all pages."""
    request = model_service_pb2.ListModelsRequest(page_size=size)
    response = client._stubs["/modeld.v1.ModelService/ListModels"](request, timeout=30)
    if len(response.models) != size or len(response.models[0].versions) != VERSIONS:
        raise RuntimeError(f"a page of {size} models holds {len(response.models)}")


def get_model(client: Client) -> None:
    if len(client.get_model("model-0500").model.versions) != VERSIONS:
        raise RuntimeError("model-0500 does not have all its versions")


def history(admin: Admin) -> None:
    if len(admin.call("ListEvents", model="model-0500", page_size=100).events) != 100:
        raise RuntimeError("a page of 100 events is not full")


def many_versions(setting: Setting) -> Iterator[Row]:
    """Start, lists and memory with 10,000 versions of 1,000 models."""
    options = ["--log-level=warning"]
    empty = setting.daemon("empty", options=options)
    with empty:
        with empty.client() as client:
            client.list_models()
        without = settled_bytes(empty)
        start_empty = restart_seconds(empty)
        empty.terminate()

    daemon = setting.daemon("many", options=options)
    daemon.start()
    daemon.terminate()
    fill(daemon.database)
    with daemon:
        # Before anything is listed: what a list takes is given back or used again, and is no cost a version.
        with_all = settled_bytes(daemon)
        with daemon.client(max_message_bytes=256 << 20) as client, Admin(daemon.socket) as admin:
            figures = {
                "ListModels, a page of 100": seconds(lambda: list_page(client, 100)),
                "ListModels, a page of 1000": seconds(lambda: list_page(client, 1000)),
                "GetModel": seconds(lambda: get_model(client)),
                "history of one model, a page of 100": seconds(lambda: history(admin)),
            }
        listed = settled_bytes(daemon)
        start = restart_seconds(daemon)
        daemon.terminate()
    yield row(
        CASE,
        "s, start from exec to ready (reference: without any)",
        start,
        f"≤ {MOST_SECONDS:.0f}",
        start <= MOST_SECONDS,
        start_empty,
    )
    for metric, value in figures.items():
        yield row(CASE, f"s, {metric}", value, f"≤ {MOST_SECONDS:.0f}", value <= MOST_SECONDS)
    per_version = (with_all - without) / (MODELS * VERSIONS)
    yield row(
        CASE,
        "bytes of resident memory a version",
        per_version,
        f"≤ {MOST_BYTES}",
        per_version <= MOST_BYTES,
        detail={
            "mib_without": round(without / 2**20, 1),
            "mib_with": round(with_all / 2**20, 1),
            "mib_after_lists": round(listed / 2**20, 1),
        },
    )


def restart_seconds(daemon: DaemonProcess) -> float:
    def restart() -> float:
        daemon.terminate()
        began = time.monotonic()
        daemon.start()
        return time.monotonic() - began

    return statistics.median(restart() for _ in range(ROUNDS))
