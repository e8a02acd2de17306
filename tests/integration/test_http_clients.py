"""HTTP through what others made: Triton's client, and schemathesis on the description."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, wait_live

HERE = Path(__file__).resolve().parent
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "negative_data_rejection",
)


@pytest.fixture(scope="module")
def environment() -> Path:
    """The directory with the programs of tools/setup/conformance.txt."""
    directory = Path(os.environ.get("MODELD_CONFORMANCE", HERE.parents[1] / ".venv-conformance")) / "bin"
    if not (directory / "schemathesis").is_file():
        pytest.skip(
            f"no schemathesis in {directory}: python3 -m venv .venv-conformance && "
            ".venv-conformance/bin/pip install -r tools/setup/conformance.txt, or set MODELD_CONFORMANCE"
        )
    return directory


@pytest.fixture(scope="module")
def served(shared_daemons: Any, shared_artifacts: Any) -> Iterator[DaemonProcess]:
    daemon = shared_daemons.start()
    config = {"inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, -1]}]}
    daemon.move_in(shared_artifacts.tagged("1.0", 1.0, **config))
    daemon.move_in(shared_artifacts.save("raising", {"name": "echo", "version": "1.0"}))
    daemon.move_in(shared_artifacts.save("say", {"name": "say", "version": "1.0"}))
    with daemon.client() as client:
        for model in ("m", "echo", "say"):
            wait_live(client, model, "1.0")
    return daemon


def run(*command: str | Path, directory: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=directory,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_tritons_client(environment: Path, served: DaemonProcess) -> None:
    assert run(environment / "python", HERE / "triton_http_client.py", served.http_address) == "ok\n"


def test_the_description_is_true(environment: Path, served: DaemonProcess, tmp_path: Path) -> None:
    url = f"http://{served.http_address}"
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        document = json.load(answer)
    # Of all names that a model may have, those that there are.
    known = {"model": ["m", "echo"], "version": ["1.0"], "label": ["live"]}
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = {"enum": known[parameter["name"]]}
    inputs = document["components"]["schemas"]["InferInput"]["properties"]
    inputs["name"] = {"enum": ["x"]}
    inputs["datatype"] = {"enum": ["FP32", "INT64", "BOOL", "BYTES"]}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    run(
        environment / "schemathesis",
        "run",
        tmp_path / "openapi.json",
        "--url",
        url,
        "--checks",
        ",".join(CHECKS),
        "--phases=examples,coverage,fuzzing",
        "--max-examples=30",
        "--seed=1",
        "--no-color",
        directory=tmp_path,  # it keeps a cache where it runs
    )
