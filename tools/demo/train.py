"""The demo's models: trained on real handwritten digits, exported as TorchScript that carries its config."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

IMAGE = {"name": "x", "dtype": "FP32", "shape": [-1, 1, 8, 8]}
LOGITS = {"name": "logits", "dtype": "FP32", "shape": [-1, 10]}


class SmallNet(nn.Module):
    """One convolution, so that it traces; good, and easy to do better than."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 3 * 3, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class BetterNet(nn.Module):
    """Two convolutions and more channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(32 * 4 * 4, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class EitherInk(nn.Module):
    """Reads light digits on dark, and dark ones on light where `flag` says so: a branch no trace can hold."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, flag: bool) -> Tensor:
        if flag:
            x = 1.0 - x
        return self.net(x)


@dataclass(frozen=True)
class Scans:
    """Pictures of shape [count, 1, 8, 8] between 0 and 1, and which digit each shows."""

    pictures: Tensor
    digits: Tensor


@dataclass(frozen=True)
class Release:
    """One exported file."""

    path: Path
    name: str
    version: str
    kind: str  # "traced" or "scripted"
    module: nn.Module


@dataclass(frozen=True)
class Releases:
    first: Release
    better: Release
    either_ink: Release
    conflicting: Release  # says that it is the better one's version, and is not


def load_scans() -> tuple[Scans, Scans]:
    """The 1,797 scans that come with scikit-learn, a quarter of them held out."""
    bundle = load_digits()
    split = train_test_split(
        bundle.images / 16.0, bundle.target, test_size=0.25, random_state=0, stratify=bundle.target
    )
    train_x, test_x, train_y, test_y = split
    return _scans(train_x, train_y), _scans(test_x, test_y)


def _scans(pictures: Any, digits: Any) -> Scans:
    return Scans(torch.tensor(pictures, dtype=torch.float32).unsqueeze(1), torch.tensor(digits))


def fit(net: nn.Module, scans: Scans, epochs: int, seed: int) -> nn.Module:
    """Plain cross-entropy with Adam; the same seed gives the same net."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(scans.digits), generator=generator).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(scans.pictures[batch]), scans.digits[batch]).backward()
            optimizer.step()
    return net.eval()


def export(module: nn.Module, path: Path, name: str, version: str, example: Tensor | None = None) -> Release:
    """Traced where an example is given, else scripted; with its config inside."""
    config = {
        "name": name,
        "version": version,
        "inputs": [IMAGE],
        "outputs": [LOGITS],
        "metadata": {"trained_on": "scikit-learn digits"},
    }
    compiled = torch.jit.script(module) if example is None else torch.jit.trace(module, example)
    torch.jit.save(compiled, str(path), _extra_files={"config.json": json.dumps(config)})
    return Release(path, name, version, "scripted" if example is None else "traced", module)


def make_releases(scans: Scans, directory: Path) -> Releases:
    """Trains and exports everything that the demo drops."""
    torch.manual_seed(0)
    # Nets this small gain nothing from a second thread, and lose much where another program wants the CPU.
    torch.set_num_threads(1)
    example = scans.pictures[:2]
    small = fit(SmallNet(), scans, epochs=4, seed=1)
    better = fit(BetterNet(), scans, epochs=8, seed=2)
    return Releases(
        first=export(small, directory / "digits-1.0.pt", "digits", "1.0", example),
        better=export(better, directory / "digits-1.1.pt", "digits", "1.1"),
        either_ink=export(EitherInk(better).eval(), directory / "either-ink.pt", "either-ink", "1.0"),
        conflicting=export(small, directory / "digits-hotfix.pt", "digits", "1.1", example),
    )
