"""A branch on a size beyond the largest on which files are compared is found, where a call of it is cheap."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
import torch
from torch import Tensor, nn

from modeld_export import Severity
from modeld_export.axes import axes_of
from modeld_export.calls import bind
from modeld_export.far import far_calls

X = torch.rand(3, 4)


class Branches(nn.Module):
    def __init__(self, condition: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.condition = condition

    def forward(self, x: Tensor) -> Tensor:
        if self.condition(x):
            return x * 2
        return x + 1


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: len(x) > 150,
        lambda x: len(x) > 1000,
        lambda x: x.shape[0] > 150,
        lambda x: int(x.shape[0]) > 150,
        lambda x: x.nelement() > 600,
        lambda x: x.nbytes > 2400,
        lambda x: x.shape.numel() > 600,
    ],
)
def test_a_branch_on_a_size_beyond_all_that_are_tried_is_not_lost(exported: Any, condition: Any) -> None:
    made = exported(Branches(condition), X)
    assert not made.ok
    assert made.artifact("traced").path is None
    (finding,) = (each for each in made.artifact("traced").findings if each.severity is Severity.ERROR)
    assert finding.where.startswith("test_far_sizes.py:")


class Slow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(x.shape[0] / 500)
        return x + 1


def test_a_size_that_takes_long_is_left_out() -> None:
    call = bind(Slow(), X)
    assert not list(far_calls(Slow(), call, axes_of(call, None)))


def test_a_size_of_many_elements_is_left_out() -> None:
    call = bind(nn.ReLU(), torch.rand(2, 3, 64, 64))
    assert not list(far_calls(nn.ReLU(), call, axes_of(call, None)))


class Limited(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Embedding(512, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.place(torch.arange(x.size(1), device=x.device)).unsqueeze(0)


def test_a_size_that_the_module_refuses_is_no_alarm(exported: Any) -> None:
    made = exported(Limited(), torch.rand(2, 9, 4), dynamic={"x": {0: "batch", 1: "length"}})
    assert made.ok, made
    assert not made.artifact("traced").findings


def test_attention_over_many_steps_is_no_alarm(exported: Any) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
    made = exported(layer, torch.rand(2, 9, 8), dynamic={"src": {0: "batch", 1: "length"}})
    assert not [each for each in made.artifact("traced").findings if each.severity is Severity.ERROR], made
