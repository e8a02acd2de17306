"""Convolutions compiled for any number of rows.

PyTorch chooses a convolution's library also by whether there are 16 rows or more, and its compiler takes
that for a condition on the size: the package is compiled for 1 to 15 rows, or for no fewer than 16 (PyTorch
2.13). All that the compiler needs of the choice is how the result lies in memory. Where that is the same for
few rows and for many, it is told so, without the condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_ROWS = (1, 8, 64)  # on both sides of the 16


@contextmanager
def any_rows() -> Iterator[None]:
    """For torch.export and the compiler. Another PyTorch than this one knows compiles as it always did."""
    choose = getattr(torch._C, "_select_conv_backend", None)
    layout = getattr(torch._C, "_conv_determine_backend_memory_format", None)
    if choose is None or layout is None:
        yield
        return

    def chosen(given: torch.Tensor, weight: torch.Tensor, *others: Any, **named: Any) -> Any:
        if isinstance(given.shape[0], torch.SymInt):
            rest = [size.node.hint if isinstance(size, torch.SymInt) else size for size in given.shape[1:]]
            if None not in rest:
                sides = [choose(given.new_empty((rows, *rest)), weight, *others, **named) for rows in _ROWS]
                # Of three dimensions it is done as one of four.
                flat = weight.dim() == 3
                lying = (given.contiguous().unsqueeze(2), weight.unsqueeze(2)) if flat else (given, weight)
                if len({layout(*lying, side) for side in sides}) == 1:
                    return sides[-1]
        return choose(given, weight, *others, **named)

    torch._C._select_conv_backend = chosen  # type: ignore[method-assign, assignment, attr-defined, unused-ignore]
    try:
        yield
    finally:
        torch._C._select_conv_backend = choose  # type: ignore[method-assign, attr-defined, unused-ignore]
