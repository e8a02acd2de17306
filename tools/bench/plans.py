"""How much faster versions run by the plan chosen for them, against LibTorch and engines called bare."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zoo
from report import Row, row
from setting import Setting

BF16 = {"execution": {"precisions": ["bf16"], "tolerance": {"rtol": 0.05, "atol": 0.05}}}
IMAGE = (1, 3, 224, 224)
# 6 layers of 384, 128 tokens: attention spelled out, and PyTorch's own with a padding mask.
ENCODERS = {"encoder": "encoder", "encoder-masked": "encoder, nn.TransformerEncoder"}
LIGHT = ["mlp", "lstm", "gru", "branches"]

Plans = dict[str, dict[str, Any]]


def probe(setting: Setting, path: Path) -> dict[str, Any]:
    """What trying a file by every plan found out."""
    command = [setting.modeld, "--probe", str(path), "--try-plans=true"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def plans_of(report: dict[str, Any]) -> Plans:
    return {plan["name"]: plan for plan in report["plans"]}


def chosen(plans: Plans) -> str:
    return next(name for name, plan in plans.items() if plan["chosen"])


def in_turns(
    setting: Setting, path: Path, plans: Iterable[str], bare: Iterable[str] = ()
) -> dict[str, float]:
    """Milliseconds of a run on one thread, by each plan and by engines called bare, in one process."""
    command = [setting.plans, "--artifact", str(path)]
    for plan in plans:
        command += ["--plan", plan]
    for engine in bare:
        command += ["--bare", engine]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return {name: measured["ms"] for name, measured in json.loads(done.stdout).items() if "ms" in measured}


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
    """Versions by the plan that their probe chooses, on one thread: CPU time, in turns with their floors."""
    directory = setting.work / "plans"
    entries = {e.name: e.path for e in zoo.build(directory, only=["resnet18", *ENCODERS, *LIGHT])}

    report = probe(setting, entries["resnet18"])
    best = plans_of(report)[chosen(plans_of(report))]
    yield against_bare(setting, "ResNet-18, fp32, by its plan", entries["resnet18"], best, 1.4)
    # The first of its process, too: what a restart does once, and later loads are faster.
    load = min(plans_of(probe(setting, entries["resnet18"]))[best["name"]]["load_seconds"] for _ in range(3))
    ratio = load / bare_load(entries["resnet18"], IMAGE, best["engine"])
    yield row("ResNet-18: load by its known plan", "× bare load", ratio, "≤ 1.1", ratio <= 1.1)
    wall = report["wall_seconds"]
    yield row("ResNet-18: its probe with all plans", "s", wall, "≤ 20", wall <= 20)

    (bf16,) = zoo.build(setting.work / "bf16", only=["resnet18"], execution=BF16["execution"])
    found = plans_of(probe(setting, bf16.path))
    flags = processor_flags()
    goal = 6 if "amx_bf16" in flags else 1.5
    note = "" if "amx_bf16" in flags or "avx512_bf16" in flags else " (no bf16 here)"
    yield against_bare(setting, "ResNet-18, bf16 allowed", bf16.path, found[chosen(found)], goal, note)

    for name, case in ENCODERS.items():
        found = plans_of(probe(setting, entries[name]))
        yield against_bare(setting, f"{case}, fp32, by its plan", entries[name], found[chosen(found)], 1.2)

    for name in LIGHT:
        found = plans_of(probe(setting, entries[name]))
        allowed = [plan for plan, tried in found.items() if not tried["refused"]]
        candidates = in_turns(setting, entries[name], allowed)
        ratio = min(candidates.values()) / candidates[chosen(found)]
        detail = {"plan": chosen(found), **candidates}
        yield row(f"{name}: the plan taken", "× best plan", ratio, "≥ 0.97", ratio >= 0.97, detail=detail)
    yield from onnx_plans(setting, directory)


def against_bare(
    setting: Setting, case: str, path: Path, plan: dict[str, Any], goal: float, note: str = ""
) -> Row:
    """How much faster than torch.jit.load and forward."""
    times = in_turns(setting, path, [plan["name"]], ["libtorch"])
    ratio = times["bare libtorch"] / times[plan["name"]]
    detail = {"plan": plan["name"], "max_absolute": plan["max_absolute"], **times}
    return row(case, "× bare forward", ratio, f"≥ {goal:g}{note}", ratio >= goal, detail=detail)


def onnx_plans(setting: Setting, directory: Path) -> Iterator[Row]:
    """ONNX by both engines, against the same engines called bare in C++."""
    import torch

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
    config.write_text(json.dumps({"name": "resnet18", "version": "1.0", "inputs": inputs}))
    for engine in ("onnxruntime", "openvino"):
        times = in_turns(setting, path, [engine], [engine])
        ratio = times[f"bare {engine}"] / times[engine]
        yield row(f"ResNet-18, ONNX, {engine}", "× bare", ratio, "≥ 0.97", ratio >= 0.97, detail=times)
