"""The table that people make by hand: latency and memory of the same model in several engines, in one run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from .calls import Call
from .errors import ExportError

TIMEOUT_S = 600


@dataclass(frozen=True)
class EngineResult:
    """One engine, in a process of its own. Milliseconds and MiB are None where it did not run."""

    engine: str
    file: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    load_ms: float | None = None
    peak_mib: float | None = None  # resident, beyond the process before it loaded the model
    why_not: str = ""


def engines_for(path: Path) -> tuple[str, ...]:
    """Which engines run a file.

    Raises:
      ExportError: none does.
    """
    if path.suffix == ".onnx":
        return ("onnxruntime", "openvino", "tensorrt")
    if path.suffix == ".pt2":
        return ("aotinductor",)
    if path.suffix in (".pt", ".pth", ".jit", ".ts"):
        return ("torchscript",)
    raise ExportError(f"{path.name!r} is none of .pt, .onnx and .pt2, of which engines are known")


def compare_engines(
    paths: Iterable[Path], call: Call, *, threads: int = 1, seconds: float = 2.0
) -> tuple[EngineResult, ...]:
    """Measures each engine of each file on the same inputs, one after the other.

    Args:
      threads: of a run.
      seconds: of measuring, for each, after as long a warm-up.
    """
    with tempfile.TemporaryDirectory(prefix="modeld-export-") as directory:
        inputs = Path(directory) / "inputs.pt"
        torch.save(list(call.positional), inputs)
        return tuple(
            _measure(engine, path, inputs, threads, seconds) for path in paths for engine in engines_for(path)
        )


def _measure(engine: str, path: Path, inputs: Path, threads: int, seconds: float) -> EngineResult:
    if engine == "tensorrt" and not torch.cuda.is_available():
        return EngineResult(engine, path.name, why_not="no GPU here")
    command = [
        sys.executable,
        "-m",
        "modeld_export.measure",
        engine,
        str(path),
        str(inputs),
        str(threads),
        str(seconds),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return EngineResult(engine, path.name, why_not=f"not done after {TIMEOUT_S} s")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return EngineResult(
            engine, path.name, why_not=lines[-1] if lines else f"exit status {done.returncode}"
        )
    return EngineResult(engine, path.name, **json.loads(done.stdout.splitlines()[-1]))


def fastest(results: Sequence[EngineResult]) -> EngineResult | None:
    ran = [result for result in results if result.p50_ms is not None]
    return min(ran, key=lambda result: result.p50_ms or 0.0, default=None)
