"""Data that a trace keeps from its example is said, also where the second trace has the same."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modeld_export import Export, Severity

X = torch.rand(3, 4)
MASK = torch.ones(3, 4, dtype=torch.bool)


def found(made: Export) -> dict[str, Severity]:
    return {each.kind: each.severity for artifact in made.artifacts for each in artifact.findings}


class Longest(nn.Module):
    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x[:, : int(lengths.max())].sum(1)


class Outliers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + int((x > 1e5).sum())


class Listed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0 if max(x.flatten().tolist()) > 1e5 else x + 1


class Masked(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if mask.all().item():
            return x + 1
        return x.masked_fill(~mask, 0.0)


class MaskedByNumpy(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if bool(mask.numpy().all()):
            return x + 1
        return x.masked_fill(~mask, 0.0)


class MaskedAtAll(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if torch.equal(mask, torch.ones_like(mask)):
            return x + 1
        return x.masked_fill(~mask, 0.0)


class InList(nn.Module):
    def forward(self, parts: list[Tensor]) -> Tensor:
        return parts[0] * float(parts[0].abs().max()) + parts[1]


class InDictionary(nn.Module):
    def forward(self, parts: dict[str, Tensor]) -> Tensor:
        return parts["a"] * float(parts["a"].abs().max()) + parts["b"]


@pytest.mark.parametrize(
    ("module", "inputs", "severity"),
    [
        (Longest(), (torch.rand(3, 8, 4), torch.tensor([5, 2, 3])), Severity.ERROR),
        (Outliers(), X, Severity.WARNING),
        (Listed(), X, Severity.WARNING),
        (Masked(), (X, MASK), Severity.ERROR),
        (MaskedByNumpy(), (X, MASK), Severity.ERROR),
        (MaskedAtAll(), (X, MASK), Severity.ERROR),
        (InList(), ([X, X],), Severity.ERROR),
        (InDictionary(), ({"a": X, "b": X},), Severity.ERROR),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_data_that_became_a_python_value_is_said(
    exported: Any, module: nn.Module, inputs: Any, severity: Severity
) -> None:
    made = exported(module, inputs, dynamic={})
    assert severity in found(made).values(), made


class Mutes(nn.Module):
    def __init__(self, rows: bool) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if x.shape[0] > 1000 if self.rows else x.max() > 1e5:
                return x * 0
        return x + 1


@pytest.mark.parametrize("rows", [False, True])
def test_a_branch_is_found_where_forward_mutes_warnings(exported: Any, rows: bool) -> None:
    made = exported(Mutes(rows), X)
    assert found(made) == {"branch": Severity.ERROR}, made


def test_the_line_of_a_number_that_was_kept_is_named(exported: Any) -> None:
    (finding,) = exported(Outliers(), X).artifact("traced").findings
    assert finding.kind == "baked-value"
    assert finding.where.startswith("test_baked_values.py:")


class ByAddress(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + (1 if x.data_ptr() % 2 == 0 else 2)


class ByStorage(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + (1 if x.untyped_storage().data_ptr() % 2 == 0 else 2)


class ByLibrary(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (2.0 if np.from_dlpack(x).max() > 1e5 else 1.0)


@pytest.mark.parametrize(
    ("module", "made"),
    [
        (ByAddress(), "an address of memory"),
        (ByStorage(), "an address of memory"),
        (ByLibrary(), "an array of another library"),
    ],
)
def test_data_that_another_library_was_given_is_said(exported: Any, module: nn.Module, made: str) -> None:
    (finding,) = exported(module, X).artifact("traced").findings
    assert (finding.kind, finding.severity) == ("baked-value", Severity.WARNING)
    assert f"data became {made}" in finding.message
    assert finding.where.startswith("test_baked_values.py:")


class Positive(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.max() > 1e5 else x - 1


@pytest.mark.parametrize(
    ("module", "inputs"),
    [(Positive(), X), (Longest(), (torch.rand(3, 8, 4), torch.tensor([5, 2, 3])))],
)
def test_an_onnx_file_that_is_traced_is_checked_as_a_trace(
    exported: Any, module: nn.Module, inputs: Any
) -> None:
    made = exported(module, inputs, ["onnx"], dynamic={}, opset=17)
    assert Severity.ERROR in found(made).values(), made
    assert made.artifact("onnx").path is None


class Divides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x // 3) * 10 + x % 3


def test_integers_are_tried_below_zero(exported: Any) -> None:
    made = exported(Divides(), torch.arange(1, 9).reshape(2, 4), ["onnx"], opset=17)
    assert made.artifact("onnx").path is None, made
    assert exported(Divides(), torch.arange(1, 9).reshape(2, 4), ["onnx"], opset=18).ok


class Scales(nn.Module):
    """Its number is of a size, not of the data."""

    def forward(self, x: Tensor) -> Tensor:
        return x / math.sqrt(x.size(-1))


@pytest.mark.parametrize("format", ["traced", "onnx"])
def test_a_number_of_a_size_that_is_fixed_is_no_alarm(exported: Any, format: str) -> None:
    made = exported(Scales(), X, [format], opset=17)
    assert made.ok
    assert not made.artifact(format).findings
