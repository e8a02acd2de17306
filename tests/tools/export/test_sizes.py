"""Sizes that a module does not take, or answers otherwise for, are found."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import export_modules as modules
import pytest
import torch
from torch import Tensor, nn

from modeld_export import package

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


class Many(nn.Module):
    """More rows than some go another way."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 64:
            return x * 0
        return x + 1


class First(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[: min(x.shape[0], 64)]


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("module", [Many(), First()])
def test_a_branch_on_the_size_is_not_lost_in_onnx(exported: Any, module: nn.Module, opset: int) -> None:
    (artifact,) = exported(module, torch.rand(3, 4), ["onnx"], opset=opset).artifacts
    assert artifact.path is None, artifact
    assert "scripted" in str(artifact.findings) or "batch=130" in str(artifact.findings)


@pytest.mark.parametrize("rows", [2, 32])
def test_a_package_of_convolutions_takes_any_number_of_rows(exported: Any, rows: int) -> None:
    (artifact,) = exported(modules.Convolves(), torch.rand(rows, 3, 8, 8), ["pt2"]).artifacts
    assert artifact.path is not None, artifact
    assert not artifact.findings
    assert "batch=130" in {trial.name for trial in artifact.trials}


def test_a_package_says_which_sizes_it_was_compiled_for(
    exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "any_rows", nullcontext)  # another PyTorch, which does not know of it
    (artifact,) = exported(modules.Convolves(), torch.rand(32, 3, 8, 8), ["pt2"]).artifacts
    assert artifact.path is not None, artifact
    (finding,) = [each for each in artifact.findings if each.kind == "sizes"]
    assert "dimension 0 of 'image'" in finding.message
    assert "at least" not in finding.message


class Pools(nn.Module):
    """Pictures of any size, but not of the smallest."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, picture: Tensor) -> Tensor:
        return self.layers(picture)


def test_pictures_of_any_size_that_layers_take_are_no_branch_in_onnx(exported: Any) -> None:
    dynamic = {"picture": {0: "batch", 2: "height", 3: "width"}}
    made = exported(Pools(), torch.rand(2, 3, 16, 16), ["onnx"], dynamic=dynamic)
    assert made.ok, made
    assert {"height=3", "height=17"} <= {trial.name for trial in made.artifact("onnx").trials}
    assert "height=1" in {each.name for each in made.artifact("onnx").not_taken}


class AtLeast(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.shape[0] >= 10 else x - 1


@pytest.mark.parametrize("rows", [3, 16])
def test_a_branch_on_the_least_size_is_not_lost_in_onnx(exported: Any, rows: int) -> None:
    (artifact,) = exported(AtLeast(), torch.rand(rows, 4), ["onnx"]).artifacts
    assert artifact.path is None, artifact


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], batch_first: bool) -> None:
        super().__init__()
        self.layer = kind(4, 5, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0].contiguous()


@pytest.mark.parametrize(
    ("module", "dynamic"),
    [
        (Recurrent(nn.LSTM, True), {"x": {0: "batch", 1: "time"}}),
        (Recurrent(nn.GRU, True), {"x": {1: "time"}}),
        (Recurrent(nn.GRU, False), {"x": {0: "time"}}),
    ],
)
def test_a_recurrent_layer_takes_any_number_of_steps_in_onnx(
    exported: Any, module: nn.Module, dynamic: Any
) -> None:
    for _ in range(2):  # what torch.export met before does not matter
        made = exported(module, torch.rand(2, 3, 4), ["onnx"], dynamic=dynamic)
        assert made.ok, made
        assert "time=17" in {trial.name for trial in made.artifact("onnx").trials}
        (finding,) = made.artifact("onnx").findings
        assert finding.kind == "opset"


def test_a_recurrent_layer_of_so_many_steps_has_the_newer_opset(exported: Any) -> None:
    made = exported(Recurrent(nn.LSTM, True), torch.rand(2, 3, 4), ["onnx"])
    assert made.ok, made
    assert not made.artifact("onnx").findings


def test_a_package_of_a_recurrent_layer_says_which_size_is_none(exported: Any) -> None:
    dynamic = {"x": {0: "batch", 1: "time"}}
    (artifact,) = exported(Recurrent(nn.LSTM, True), torch.rand(2, 3, 4), ["pt2"], dynamic=dynamic).artifacts
    assert "time" in str(artifact.findings[0])
    assert "leave the dimension out of `dynamic`" in str(artifact.findings[0])
