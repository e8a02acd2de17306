"""Models for the torture cases: plain PyTorch with random weights, made once and saved many times.

Every version answers with its own number, so that an answer tells by which version it was made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Mlp(nn.Module):
    """16 → 64 → 4, and its version's number added to every output: the light model."""

    INPUT = (16,)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
        self.register_buffer("tag", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) + self.tag


class Tag(nn.Module):
    """Answers with its version's number and nothing else. Holds as many megabytes as it is told to."""

    INPUT = (2,)

    def __init__(self, megabytes: int = 0) -> None:
        super().__init__()
        self.register_buffer("tag", torch.zeros(()))
        self.register_buffer("padding", torch.rand(megabytes << 18))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.0 + self.tag


class Block(nn.Module):
    """Two convolutions with a shortcut, as in ResNet-18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016, table 1): 11.7 million parameters, 45 MB, an image of 224 × 224."""

    INPUT = (3, 224, 224)

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = 64
        for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
            inputs = outputs
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(512, 1000)
        self.register_buffer("tag", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x))
        return self.head(x.mean([2, 3])) + self.tag


class Versions:
    """Makes versions of one model: scripted once, then saved with another number and config each time.

    Not for several threads.
    """

    def __init__(self, module: nn.Module, name: str, directory: Path) -> None:
        self.name = name
        self.shape: tuple[int, ...] = module.INPUT  # type: ignore[assignment]
        self._directory = directory
        self._scripted = torch.jit.script(module.eval())
        directory.mkdir(parents=True, exist_ok=True)

    def save(self, version: str, tag: float, **config: Any) -> Path:
        """The version's file; its answers are those of every other plus `tag`."""
        self._scripted.tag = torch.tensor(tag)
        declared = {
            "name": self.name,
            "version": version,
            "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, *self.shape]}],
            **config,
        }
        path = self._directory / f"{self.name}-{version}.pt"
        torch.jit.save(self._scripted, str(path), _extra_files={"config.json": json.dumps(declared)})
        return path
