"""How far outputs are from what was expected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from .values import Value


@dataclass(frozen=True)
class Tolerance:
    """Two numbers agree if |actual - expected| <= atol * scale + rtol * |expected|, the rule of numpy.isclose
    with a scale: the largest |expected| of the tensor, but at least 1. Sums of large numbers that come to
    little are as far off as the large ones are. What is far larger than all else, as what masks is, is no
    scale for the rest."""

    rtol: float = 1e-4
    atol: float = 1e-5
    # Without it the rule is that of numpy.isclose, and of the daemon's golden samples.
    scaled: bool = True


@dataclass(frozen=True)
class Difference:
    """Over all elements of all outputs."""

    max_absolute: float = 0.0
    max_relative: float = 0.0  # of what is not near zero: to max(|expected|, 1e-3 * scale)
    beyond: int = 0  # elements beyond tolerance
    compared: int = 0
    worst: str = ""  # where the largest absolute one is: "logits[0, 3]"
    used: float = 0.0  # the largest share that an error is of what is allowed there; 1 and less is within
    errors: tuple[float, ...] = ()  # absolute ones, at most some thousand of them, for a histogram

    def joined(self, other: Difference) -> Difference:
        larger = self if self.max_absolute >= other.max_absolute else other
        return Difference(
            max_absolute=larger.max_absolute,
            max_relative=max(self.max_relative, other.max_relative),
            beyond=self.beyond + other.beyond,
            compared=self.compared + other.compared,
            worst=larger.worst,
            used=max(self.used, other.used),
            errors=(*self.errors, *other.errors),
        )


# Between two magnitudes without any other between them: what is above does not come of the same sums.
_GAP = 1e4
# The same where all above is one number, which was written there.
_GAP_TO_FILL = 1e2


def scales(magnitude: torch.Tensor) -> torch.Tensor:
    """Of each element the largest of those that are of its kind, at least 1; of finite magnitudes."""
    ordered = magnitude.flatten().clamp(min=1.0).sort().values
    ratios = ordered[1:] / ordered[:-1]
    ends = ratios > _GAP
    last = (ratios > _GAP_TO_FILL).nonzero().flatten()
    if len(last) and last[-1] + 2 < len(ordered) and bool(ordered[last[-1] + 1] == ordered[-1]):
        ends[last[-1]] = True
    largest = torch.cat([ordered[:-1][ends], ordered[-1:]])
    return largest[torch.bucketize(magnitude.contiguous(), largest)]


class Incomparable(Exception):
    """Outputs of another kind, shape or dtype than expected; says which."""


_KEPT_ERRORS = 2000


def compare(expected: Value, actual: Value, tolerance: Tolerance, path: str = "output") -> Difference:
    """Raises Incomparable."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(actual, torch.Tensor):
            raise Incomparable(f"{path} is {type(actual).__name__}, expected a tensor")
        return _compare_tensors(expected, actual, tolerance, path)
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping) or expected.keys() != actual.keys():
            found: Any = sorted(actual) if isinstance(actual, Mapping) else type(actual).__name__
            raise Incomparable(f"{path} has {found}, expected {sorted(expected)}")
        parts = [compare(expected[key], actual[key], tolerance, f"{path}[{key!r}]") for key in expected]
    elif isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)) or len(expected) != len(actual):
            found = len(actual) if isinstance(actual, (list, tuple)) else type(actual).__name__
            raise Incomparable(f"{path} has {found}, expected {len(expected)} items")
        parts = [
            compare(want, have, tolerance, f"{path}[{index}]")
            for index, (want, have) in enumerate(zip(expected, actual))
        ]
    elif isinstance(expected, float) and isinstance(actual, (int, float)):
        return compare(torch.tensor(expected), torch.tensor(float(actual)), tolerance, path)
    elif expected != actual:
        raise Incomparable(f"{path} is {actual!r}, expected {expected!r}")
    else:
        return Difference(compared=1)
    total = Difference()
    for part in parts:
        total = total.joined(part)
    return total


def _compare_tensors(
    expected: torch.Tensor, actual: torch.Tensor, tolerance: Tolerance, path: str
) -> Difference:
    if expected.shape != actual.shape:
        raise Incomparable(f"{path} has shape {list(actual.shape)}, expected {list(expected.shape)}")
    if expected.dtype != actual.dtype:
        raise Incomparable(f"{path} is {actual.dtype}, expected {expected.dtype}")
    if expected.numel() == 0:
        return Difference()
    if not (expected.is_floating_point() or expected.is_complex()):
        wrong = int((expected != actual).sum())
        if wrong:
            raise Incomparable(f"{path}: {wrong} of {expected.numel()} elements differ")
        return Difference(compared=expected.numel())
    wide = torch.complex128 if expected.is_complex() else torch.float64
    want, have = expected.detach().to(wide), actual.detach().to(wide)
    alike = (want == have) | (want.isnan() & have.isnan())
    error = torch.where(alike, 0.0, (have - want).abs())
    error = torch.nan_to_num(error, nan=math.inf)
    magnitude = torch.nan_to_num(want.abs(), nan=0.0, posinf=0.0)
    scale = scales(magnitude)
    allowed = tolerance.atol * (scale if tolerance.scaled else 1.0) + tolerance.rtol * magnitude
    beyond = error > allowed
    used = torch.where(error > 0, error / allowed, 0.0)
    relative = error / torch.maximum(magnitude, 1e-3 * scale)
    at = int(error.argmax())
    position = (
        [int(i) for i in torch.unravel_index(torch.tensor(at), expected.shape)] if expected.dim() else []
    )
    flat = error.flatten()
    step = max(1, flat.numel() // _KEPT_ERRORS)
    return Difference(
        max_absolute=float(error.max()),
        max_relative=float(relative.max()),
        beyond=int(beyond.sum()),
        used=float(used.max()),
        compared=expected.numel(),
        worst=f"{path}{position}" if position else path,
        errors=tuple(float(e) for e in flat[::step]),
    )
