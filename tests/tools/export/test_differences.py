"""What counts as the same answer."""

from __future__ import annotations

import math

import pytest
import torch

from modeld_export.differences import Incomparable, Tolerance, compare

TOLERANCE = Tolerance(rtol=1e-3, atol=1e-4)


def test_within_and_beyond() -> None:
    expected = torch.tensor([1.0, 2.0, 0.0])
    difference = compare(expected, torch.tensor([1.0005, 2.5, 0.0]), TOLERANCE)
    assert difference.beyond == 1
    assert difference.compared == 3
    assert difference.max_absolute == 0.5
    assert difference.worst == "output[1]"
    assert math.isclose(difference.max_relative, 0.25)


def test_large_numbers_allow_small_ones_as_much() -> None:
    expected = torch.tensor([1e3, 1.0])
    assert compare(expected, torch.tensor([1e3, 1.05]), TOLERANCE).beyond == 0


@pytest.mark.parametrize("mask", [-1e4, -1e9, torch.finfo(torch.float32).min, -math.inf])
def test_a_mask_does_not_allow_everything_beside_it(mask: float) -> None:
    expected = torch.tensor([[0.5, 0.8, mask], [0.1, -0.4, mask]])
    wrong = expected.clone()
    wrong[0, 0] = -0.5
    assert compare(expected, wrong, TOLERANCE).beyond == 1
    assert compare(expected, expected.clone(), TOLERANCE).beyond == 0


def test_one_number_that_is_far_larger_does_not_either() -> None:
    expected = torch.tensor([0.5, 1.0, 1e30])
    assert compare(expected, torch.tensor([0.5, 2.0, 1e30]), TOLERANCE).beyond == 1
    assert compare(expected, torch.tensor([0.5, 1.0, 1.0001e30]), TOLERANCE).beyond == 0


def test_nan_is_nan_and_infinity_itself() -> None:
    odd = torch.tensor([math.nan, math.inf, -math.inf])
    assert compare(odd, odd.clone(), TOLERANCE).beyond == 0
    difference = compare(odd, torch.tensor([0.0, math.inf, math.inf]), TOLERANCE)
    assert difference.beyond == 2
    assert difference.max_absolute == math.inf


def test_containers_and_numbers() -> None:
    value = {"a": [torch.ones(2), 1, "x"], "b": (0.5, None, True)}
    assert compare(value, {"a": [torch.ones(2), 1, "x"], "b": (0.5, None, True)}, TOLERANCE).beyond == 0
    assert compare(0.5, 0.7, TOLERANCE).beyond == 1
    assert compare(torch.zeros(0), torch.zeros(0), TOLERANCE).compared == 0
    assert compare(torch.tensor(1 + 1j), torch.tensor(1 + 1j), TOLERANCE).compared == 1
    assert compare(torch.tensor([1, 2]), torch.tensor([1, 2]), TOLERANCE).compared == 2


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        (torch.zeros(2), torch.zeros(3), r"shape \[3\], expected \[2\]"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), "float64"),
        (torch.zeros(2), 1.0, "expected a tensor"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "1 of 2 elements differ"),
        ({"a": 1}, {"b": 1}, r"expected \['a'\]"),
        ({"a": 1}, 1, "int"),
        ([1, 2], [1], "expected 2 items"),
        ([1, 2], 1, "int"),
        ("a", "b", "expected 'a'"),
    ],
)
def test_of_another_kind(expected: object, actual: object, message: str) -> None:
    with pytest.raises(Incomparable, match=message):
        compare(expected, actual, TOLERANCE)
