"""The models that public clients are tried on.

Their versions are whole numbers: some clients know no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

OPTIONS = ["--try-plans=false"]


class Add(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a + b, a - b


class Classify(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Lengths(torch.nn.Module):
    def forward(self, words: list[str]) -> list[int]:
        return [len(word) for word in words]


class Echo(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.clone()


class Total(torch.nn.Module):
    """Adds up what it gets: a sequence has its own total."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total += x
        return self.total.clone()


class Slow(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.ones(192, 192)
        for _ in range(60):
            y = torch.tanh(y @ y)
        return x + y[0, 0] * 0


@dataclass(frozen=True)
class Model:
    name: str
    version: str
    path: Path


def tensor(name: str, dtype: str, *shape: int, **more: str) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": list(shape), **more}


def save_all(directory: Path) -> Iterator[Model]:
    directory.mkdir(parents=True)
    rows = [tensor("a", "FP32", -1, 4), tensor("b", "FP32", -1, 4)]
    sums = [tensor("sum", "FP32", -1, 4), tensor("difference", "FP32", -1, 4)]
    batching = {"max_batch_size": 8}
    made: list[tuple[torch.nn.Module, dict[str, Any]]] = [
        (Add(), {"name": "add", "version": "3", "inputs": rows, "outputs": sums}),
        (
            Add(),
            {"name": "add-batched", "version": "1", "inputs": rows, "outputs": sums, "batching": batching},
        ),
        (
            Classify(),
            {
                "name": "classify",
                "version": "1",
                "inputs": [tensor("x", "FP32", -1, 3)],
                "outputs": [tensor("scores", "FP32", -1, 3)],
            },
        ),
        (Lengths(), {"name": "lengths", "version": "1"}),
        (Echo(), {"name": "echo", "version": "1"}),
        (Total(), {"name": "total", "version": "1", "inputs": [tensor("x", "FP32", 1)]}),
        (Slow(), {"name": "slow", "version": "1", "inputs": [tensor("x", "FP32", 1)]}),
    ]
    for module, config in made:
        path = directory / f"{config['name']}.pt"
        torch.jit.script(module.eval()).save(str(path), _extra_files={"config.json": json.dumps(config)})
        yield Model(config["name"], config["version"], path)
