"""`python -m modeld_export.measure ENGINE FILE INPUTS THREADS SECONDS`: one row of compare_engines, as JSON.

A process of its own, so that its peak of memory is that of one engine.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

Call = Callable[..., Any]


def _torchscript(path: Path, threads: int) -> Call:
    module = torch.jit.load(str(path), map_location="cpu").eval()
    return lambda *arguments: module(*arguments)


def _aotinductor(path: Path, threads: int) -> Call:
    from . import package

    runner: Call = package.load(path)
    return runner


def _onnxruntime(path: Path, threads: int) -> Call:
    from . import onnx_model

    return onnx_model.load(path, threads)


def _openvino(path: Path, threads: int) -> Call:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(str(path), "CPU", settings).create_infer_request()
    return lambda *arguments: request.infer([argument.numpy() for argument in arguments])


def _tensorrt(path: Path, threads: int) -> Call:
    """By ONNX Runtime, whose library has to have the provider."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["TensorrtExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]
    return lambda *arguments: session.run(None, dict(zip(names, (a.numpy() for a in arguments))))


ENGINES: dict[str, Callable[[Path, int], Call]] = {
    "torchscript": _torchscript,
    "aotinductor": _aotinductor,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
}


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(
    engine: str, path: Path, arguments: Sequence[Any], threads: int, seconds: float
) -> dict[str, float]:
    """Milliseconds of a call, and of the load; MiB beyond what the process had."""
    torch.set_num_threads(threads)
    before = _resident_mib()
    began = time.perf_counter()
    call = ENGINES[engine](path, threads)
    load_ms = (time.perf_counter() - began) * 1000
    times: list[float] = []
    with torch.inference_mode():
        warm = time.perf_counter() + seconds
        call(*arguments)
        while time.perf_counter() < warm:
            call(*arguments)
        until = time.perf_counter() + seconds
        while not times or time.perf_counter() < until:
            began = time.perf_counter()
            call(*arguments)
            times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {
        "p50_ms": statistics.median(times),
        "p99_ms": times[min(len(times) - 1, int(0.99 * len(times)))],
        "load_ms": load_ms,
        "peak_mib": max(0.0, _resident_mib() - before),
    }


def main(arguments: Sequence[str]) -> int:
    engine, path, inputs, threads, seconds = arguments
    call_arguments = torch.load(inputs, weights_only=True)
    print(json.dumps(measure(engine, Path(path), call_arguments, int(threads), float(seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
