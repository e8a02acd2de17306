"""How much faster versions run by the plan chosen for them, against LibTorch and engines called bare."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zoo
from report import Row, row
from setting import Setting

BF16 = {"execution": {"precisions": ["bf16"], "tolerance": {"rtol": 0.05, "atol": 0.05}}}
IMAGE = (1, 3, 224, 224)
LIGHT = ["mlp", "lstm", "gru", "branches"]

Plans = dict[str, dict[str, Any]]


def probe(setting: Setting, path: Path, config: Path | None = None) -> dict[str, Any]:
    """What trying a file by every plan found out."""
    command = [setting.modeld, "--probe", str(path), "--try-plans=true"]
    if config is not None:
        command += ["--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def plans_of(report: dict[str, Any]) -> Plans:
    return {plan["name"]: plan for plan in report["plans"]}


def milliseconds(plan: dict[str, Any]) -> float:
    """Of the smallest batch."""
    return plan["latencies"][0]["seconds"] * 1e3


def chosen(plans: Plans) -> str:
    return next(name for name, plan in plans.items() if plan["chosen"])


def bare_forward(setting: Setting, path: Path, shape: tuple[int, ...]) -> float:
    """Milliseconds of torch.jit.load and forward in C++, on one thread."""
    command = [setting.forward, "--model", str(path), "--shape", ",".join(map(str, shape)), "--seconds", "5"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["p50_ms"]


# What OpenVINO's own tools do with the same file, in a process that has loaded nothing before.
BARE_LOAD = """
import sys, time
import openvino, torch
path, shape = sys.argv[1], [-1, *map(int, sys.argv[2].split(",")[1:])]
torch.set_num_threads(1)
core = openvino.Core()
properties = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
began = time.process_time()
module = torch.jit.freeze(torch.jit.load(path).eval())
if sys.argv[3] == "openvino":
    model = openvino.convert_model(module, input=[openvino.PartialShape(shape)])
    core.compile_model(model, "CPU", properties)
print(time.process_time() - began)
"""


def bare_load(path: Path, shape: tuple[int, ...], engine: str) -> float:
    """Seconds of CPU time, the least of three."""
    command = [sys.executable, "-W", "ignore", "-c", BARE_LOAD, str(path), ",".join(map(str, shape)), engine]
    return min(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(3))


def processor_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def plans(setting: Setting) -> Iterator[Row]:
    """Versions by the plan that their probe chooses, on one thread; CPU time of the calling thread."""
    directory = setting.work / "plans"
    entries = {e.name: e.path for e in zoo.build(directory, only=["resnet18", "encoder", *LIGHT])}

    bare = bare_forward(setting, entries["resnet18"], IMAGE)
    report = probe(setting, entries["resnet18"])
    bare = min(bare, bare_forward(setting, entries["resnet18"], IMAGE))
    found = plans_of(report)
    best = found[chosen(found)]
    ratio = bare / milliseconds(best)
    detail = {"plan": best["name"], "max_absolute": best["max_absolute"], "ms": milliseconds(best)}
    yield row("ResNet-18, fp32, by its plan", "× bare forward", ratio, "≥ 1.4", ratio >= 1.4, detail=detail)
    # The first of its process, too: what a restart does once, and later loads are faster.
    load = min(plans_of(probe(setting, entries["resnet18"]))[best["name"]]["load_seconds"] for _ in range(3))
    ratio = load / bare_load(entries["resnet18"], IMAGE, best["engine"])
    yield row("ResNet-18: load by its known plan", "× bare load", ratio, "≤ 1.1", ratio <= 1.1)
    wall = report["wall_seconds"]
    yield row("ResNet-18: its probe with all plans", "s", wall, "≤ 20", wall <= 20)

    (bf16,) = zoo.build(setting.work / "bf16", only=["resnet18"], execution=BF16["execution"])
    found = plans_of(probe(setting, bf16.path))
    best = found[chosen(found)]
    ratio = bare / milliseconds(best)
    flags = processor_flags()
    goal = 6 if "amx_bf16" in flags else 1.5
    shown = f"≥ {goal:g}" + ("" if "amx_bf16" in flags or "avx512_bf16" in flags else " (no bf16 here)")
    detail = {"plan": best["name"], "max_absolute": best["max_absolute"], "ms": milliseconds(best)}
    yield row("ResNet-18, bf16 allowed", "× bare forward", ratio, shown, ratio >= goal, detail=detail)

    found = plans_of(probe(setting, entries["encoder"]))
    ratio = milliseconds(found["libtorch"]) / milliseconds(found[chosen(found)])
    detail = {"plan": chosen(found)}
    yield row("encoder, fp32, by its plan", "× as saved", ratio, "≥ 1.2", ratio >= 1.2, detail=detail)

    for name in LIGHT:
        taken = chosen(plans_of(probe(setting, entries[name])))
        again = plans_of(probe(setting, entries[name]))  # what was taken is measured anew
        candidates = {plan: milliseconds(found) for plan, found in again.items() if not found["refused"]}
        ratio = min(candidates.values()) / candidates[taken]
        yield row(f"{name}: the plan taken", "× best plan", ratio, "≥ 0.97", ratio >= 0.97, detail=candidates)
    yield from onnx_plans(setting, directory)


def median_ms(call: Callable[[], object], seconds: float = 5) -> float:
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.thread_time()
        call()
        times.append(time.thread_time() - began)
    return statistics.median(times) * 1e3


def onnx_plans(setting: Setting, directory: Path) -> Iterator[Row]:
    """ONNX by both engines, against the same engines called bare from Python, whose own time a run of
    milliseconds does not show."""
    import torch

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime
    import openvino

    path, config = directory / "resnet18.onnx", directory / "resnet18.onnx.config.json"
    module = torch.jit.load(str(directory / "resnet18.pt")).eval()
    torch.onnx.export(
        module,
        (torch.rand(IMAGE),),
        str(path),
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
    )
    inputs = [{"name": "x", "dtype": "FP32", "shape": [-1, *IMAGE[1:]]}]
    found = {}
    for engine in ("onnxruntime", "openvino"):  # which has to be asked for
        content = {"name": "resnet18", "version": "1.0", "inputs": inputs, "execution": {"engine": engine}}
        config.write_text(json.dumps(content))
        found[engine] = plans_of(probe(setting, path, config))[engine]
    image = np.random.default_rng(1).random(IMAGE, dtype=np.float32)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    properties = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", properties)
    request = compiled.create_infer_request()
    bare = {
        "onnxruntime": median_ms(lambda: session.run(None, {"x": image})),
        "openvino": median_ms(lambda: request.infer([image])),
    }
    for engine, reference in bare.items():
        if found[engine]["refused"]:
            yield row(f"ResNet-18, ONNX, {engine}", "× bare", None, "≥ 0.97", False, detail=found[engine])
            continue
        ratio = reference / milliseconds(found[engine])
        yield row(f"ResNet-18, ONNX, {engine}", "× bare", ratio, "≥ 0.97", ratio >= 0.97)
