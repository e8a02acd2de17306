"""Whether a module and its example can be run at all."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from .calls import Call
from .errors import ExportError
from .values import tensors_in


def check_ready(module: nn.Module) -> None:
    """Raises ExportError: parameters without elements, or a wrapper around the module that is meant."""
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        raise ExportError(f"module is wrapped in {type(module).__name__}; export module.module")
    if hasattr(module, "_orig_mod"):
        raise ExportError("module is what torch.compile returned; export module._orig_mod")
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise ExportError(f"{name} has no shape yet, as its layer is lazy; run the module once before")
        if tensor.is_meta:
            raise ExportError(
                f"{name} is on the device 'meta', which keeps no elements; load the weights first, as by "
                "module.to_empty(device='cpu') and load_state_dict"
            )


def check_example(call: Call) -> None:
    """Raises ExportError: tensors without elements to vary."""
    for name, value in call.arguments.items():
        if isinstance(value, np.ndarray):
            raise ExportError(
                f"example_inputs have {name!r} as a NumPy array, expected a tensor; "
                f"write torch.from_numpy({name})"
            )
    for name, tensor in tensors_in(call.arguments):
        if tensor.is_meta:
            raise ExportError(
                f"example_inputs have {name!r} on the device 'meta', expected one with elements"
            )
        if tensor.dim() and tensor.shape[0] == 0:
            raise ExportError(
                f"example_inputs have {name!r} of shape {list(tensor.shape)}; give at least one row"
            )
