"""Other integers and booleans than an example's, from within their range. What a module does not take of
them, as a negative index, it refuses itself."""

from __future__ import annotations

from collections.abc import Callable

import torch

Fill = Callable[[torch.Tensor], torch.Tensor]
_SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)


def _of_integers(fill: Fill) -> Fill:
    def filled(tensor: torch.Tensor) -> torch.Tensor:
        exact = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
        return fill(tensor) if exact and tensor.numel() else tensor

    return filled


def _of_booleans(fill: Fill) -> Fill:
    return lambda tensor: fill(tensor) if tensor.dtype == torch.bool else tensor


EXACT: dict[str, Fill] = {
    "least integers": _of_integers(lambda tensor: torch.full_like(tensor, int(tensor.min()))),
    "greatest integers": _of_integers(lambda tensor: torch.full_like(tensor, int(tensor.max()))),
    # Division and remainder round otherwise below zero.
    "negated integers": _of_integers(lambda tensor: -tensor if tensor.dtype in _SIGNED else tensor),
    "inverted booleans": _of_booleans(torch.logical_not),
    "false booleans": _of_booleans(torch.zeros_like),
    "true booleans": _of_booleans(torch.ones_like),
}
