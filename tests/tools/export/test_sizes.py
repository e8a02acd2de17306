"""Sizes that a module does not take, or answers otherwise for, are found."""

from __future__ import annotations

from typing import Any

import export_modules as modules
import pytest
import torch
from torch import Tensor, nn

X = torch.linspace(0.1, 1, 8).reshape(2, 4)


class Sums(nn.Module):
    """A length for each row, in a tensor of one dimension."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x.sum(-1) / lengths


class Channels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, picture: Tensor) -> Tensor:
        return self.layer(picture)


@pytest.mark.parametrize(
    ("module", "inputs", "shape"),
    [
        (modules.FixedRows(), X, [2, 4]),
        (Sums(), (torch.rand(3, 4), torch.tensor([1.0, 2.0, 3.0])), [3, 4]),
        (Channels(), torch.rand(3, 8, 8), [3, 8, 8]),
    ],
)
def test_a_size_that_only_the_example_has_is_declared_fixed(
    exported: Any, module: nn.Module, inputs: Any, shape: list[int]
) -> None:
    made = exported(module, inputs, ["scripted", "onnx"])
    assert made.ok, made
    assert made.config["inputs"][0]["shape"] == shape
    (finding,) = [each for each in made.findings if each.kind == "fixed-size"]
    assert "dynamic" in finding.message
    assert "batch=" in finding.message


def test_a_size_that_a_module_does_not_take_is_said(exported: Any) -> None:
    made = exported(modules.OnlyEven(), X, ["scripted"])
    assert made.ok, made
    assert made.config["inputs"][0]["shape"] == [-1, 4]
    assert [finding.kind for finding in made.findings] == ["fixed-size"]
