"""Sizes far beyond those on which files are compared: a branch on a size may lie between."""

from __future__ import annotations

import time
from collections.abc import Iterator

from torch import nn

from .axes import Axes
from .calls import Call
from .parity import run_fresh
from .trials import NamedCall, resized
from .values import tensors_in

_FAR = 1030
_MOST_ELEMENTS = 4_000_000
# Time is measured of fewer, and may be of the square.
_FEWER = 257
_LONGEST_S = 4.0


def _is_quick(module: nn.Module, call: Call) -> bool:
    """Whether the module takes it, and so many more in little time."""
    began = time.perf_counter()
    try:
        run_fresh(module, call)
    except Exception:
        return False
    return (time.perf_counter() - began) * (_FAR / _FEWER) ** 2 < _LONGEST_S


def far_calls(module: nn.Module, example: Call, axes: Axes) -> Iterator[NamedCall]:
    """One along each axis, the others as in the example, where the module takes it and it costs little."""
    elements = sum(tensor.numel() for _, tensor in tensors_in(example.arguments))
    for name, own in axes.sizes(example).items():
        if own >= _FAR or elements * _FAR // max(1, own) > _MOST_ELEMENTS:
            continue
        if _is_quick(module, resized(example, axes, {name: _FEWER})):
            yield NamedCall(f"{name}={_FAR}", resized(example, axes, {name: _FAR}))
