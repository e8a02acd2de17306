"""The classes with the highest scores. Pure functions.

What the classification extension of the Open Inference Protocol asks of the daemon, done by the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import codec
from .bfloat16 import BFloat16Array


@dataclass(frozen=True)
class ScoredClass:
    """A class and its score."""

    label: str | None
    """None: there are fewer labels than classes."""
    index: int
    value: float
    """An int where the scores are integers."""


def top_k(scores: Any, k: int, labels: Sequence[str] | None = None) -> list[list[ScoredClass]]:
    """Of each row the `k` classes with the highest scores, or all if they are fewer; the highest first.

    Among equals the earlier index comes first; NaN comes last. `scores` are floats (bfloat16 too) or
    integers: an output of a prediction, or anything that `predict` takes as a tensor. Their last dimension is
    that of the classes, those before it are of the rows; a single dimension is one row. `labels` are by
    index.

    TypeError: scores that have no order. ValueError: no dimension, or `k` below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    array = _numbers(scores)
    if array.ndim == 0:
        raise ValueError("scores have no dimension; the last one is that of the classes")
    width = array.shape[-1]
    rows = array.reshape(-1, width) if width > 0 else array.reshape(int(np.prod(array.shape[:-1])), 0)
    # Stable, and NaN goes last whichever way one sorts. The complement turns the order of integers round,
    # where the negative does not: of unsigned ones, and of the lowest.
    keys = ~rows if rows.dtype.kind in "iu" else -rows
    best = np.argsort(keys, axis=-1, kind="stable")[:, :k]
    names = labels or ()
    return [
        [
            ScoredClass(names[index] if index < len(names) else None, index, row[index].item())
            for index in order.tolist()
        ]
        for row, order in zip(rows, best)
    ]


def _numbers(scores: Any) -> npt.NDArray[Any]:
    array = codec.as_array(scores, "scores")
    if isinstance(array, BFloat16Array):
        return array.to_float32()
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"scores of dtype {array.dtype} have no order; expected floats or integers")
    return array
