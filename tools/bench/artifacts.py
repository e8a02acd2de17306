"""Artifacts for the benchmarks, made by script with fixed seeds."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch


class Classifier(torch.nn.Module):
    """A small convolution net of the demo's size; `tag` makes each version's bytes and answers differ."""

    def __init__(self, tag: float) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.conv = torch.nn.Conv2d(1, 16, 3, padding=1)
        self.head = torch.nn.Linear(16 * 64, 10)
        self.register_buffer("tag", torch.tensor(tag))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(x)).flatten(1)) + self.tag


class Padded(torch.nn.Module):
    """Holds about 45 MB of weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.weight = torch.nn.Parameter(torch.randn(45 * 1024 * 1024 // 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight[0]


def save(module: torch.nn.Module, path: Path, name: str, version: str) -> Path:
    config = {
        "name": name,
        "version": version,
        "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 1, 8, 8]}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    scripted = torch.jit.script(module.eval())
    torch.jit.save(scripted, str(path), _extra_files={"config.json": json.dumps(config)})
    return path


def bare_load_s(path: Path) -> float:
    """Seconds that LibTorch alone takes to load an artifact and call it three times (as the warm-up does)."""
    began = time.perf_counter()
    module = torch.jit.load(str(path)).eval()
    with torch.inference_mode():
        for _ in range(3):
            module(torch.zeros(1, 1, 8, 8))
    return time.perf_counter() - began
