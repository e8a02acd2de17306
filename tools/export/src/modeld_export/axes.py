"""Dynamic axes: the dimensions of inputs whose size a caller chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .calls import Call
from .errors import ExportError

Dynamic = Mapping[str, Mapping[int, str]]
BATCH = "batch"


@dataclass(frozen=True)
class Axes:
    """By input and dimension, what its size is called. Dimensions of one name have one size."""

    names: dict[str, dict[int, str]]

    def shape(self, name: str, tensor: torch.Tensor) -> list[int]:
        """Of the config: -1 for every dynamic dimension."""
        dynamic = self.names.get(name, {})
        return [-1 if axis in dynamic else size for axis, size in enumerate(tensor.shape)]

    def sizes(self, call: Call) -> dict[str, int]:
        """What each is in a call."""
        return {
            axis_name: int(call.arguments[name].shape[axis])
            for name, dynamic in self.names.items()
            for axis, axis_name in dynamic.items()
        }


def axes_of(call: Call, dynamic: Dynamic | None) -> Axes:
    """The user's, or else the first dimension of every tensor of two or more, where they all have the same
    size.

    Raises:
      ExportError: an input, or a dimension, that is not there; or sizes of one name that differ.
    """
    tensors = {name: value for name, value in call.arguments.items() if isinstance(value, torch.Tensor)}
    if dynamic is None:
        batched = {name: tensor for name, tensor in tensors.items() if tensor.dim() >= 2}
        alike = len({tensor.shape[0] for tensor in batched.values()}) == 1
        return Axes({name: {0: BATCH} for name in batched} if alike else {})
    if not isinstance(dynamic, Mapping) or not all(isinstance(each, Mapping) for each in dynamic.values()):
        raise ExportError(f'dynamic is {dynamic!r}, expected as {{"x": {{0: "batch"}}}}')
    chosen: dict[str, dict[int, str]] = {}
    sizes: dict[str, int] = {}
    for name, dimensions in dynamic.items():
        if name not in tensors:
            raise ExportError(
                f"dynamic names the input {name!r}, expected one of the tensors: "
                f"{', '.join(tensors) or 'there is none'}"
            )
        tensor = tensors[name]
        for axis, axis_name in dimensions.items():
            if not (isinstance(axis, int) and 0 <= axis < tensor.dim()):
                raise ExportError(
                    f"dynamic names dimension {axis!r} of {name!r}, which has {tensor.dim()}; count from 0"
                )
            if not (isinstance(axis_name, str) and axis_name.isidentifier()):
                raise ExportError(
                    f"dynamic calls dimension {axis} of {name!r} {axis_name!r}, expected a name of letters, "
                    "digits and '_', as 'batch'"
                )
            size = int(tensor.shape[axis])
            if sizes.setdefault(axis_name, size) != size:
                raise ExportError(
                    f"dynamic calls dimension {axis} of {name!r} {axis_name!r}, which is {size} there and "
                    f"{sizes[axis_name]} elsewhere in example_inputs; give it a name of its own, or "
                    "examples that agree"
                )
        chosen[name] = dict(dimensions)
    return Axes(chosen)
