"""Whether a module and its example can be run at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from .calls import Call
from .errors import ExportError
from .values import Value, tensors_in


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


_KINDS = "a tensor, number or string, or a list, tuple or dictionary of them"


def check_value(value: Value, subject: str) -> None:
    """Raises ExportError: it is nothing that a request, or an answer, carries."""
    if isinstance(value, np.ndarray):
        raise ExportError(f"{subject} as a NumPy array, expected a tensor; write torch.from_numpy(…)")
    if isinstance(value, torch.Tensor):
        odd = "nested" if value.is_nested else "quantized" if value.is_quantized else ""
        if value.layout is not torch.strided and not value.is_nested:
            odd = "sparse"
        if odd:
            dense = {"nested": "pad it", "quantized": ".dequantize()", "sparse": ".to_dense()"}[odd]
            raise ExportError(f"{subject} as a {odd} tensor, expected one of plain elements; {dense}")
    elif isinstance(value, Mapping):
        for item in value.values():
            check_value(item, subject)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_value(item, subject)
    elif value is not None and not isinstance(value, (bool, int, float, complex, str, bytes)):
        raise ExportError(f"{subject} as {type(value).__name__}, expected {_KINDS}")


def check_example(call: Call) -> None:
    """Raises ExportError: tensors without elements to vary."""
    for name, value in call.arguments.items():
        check_value(value, f"{name!r} is given")
    for name, tensor in tensors_in(call.arguments):
        if tensor.is_meta:
            raise ExportError(
                f"example_inputs have {name!r} on the device 'meta', expected one with elements"
            )
        if tensor.dim() and tensor.shape[0] == 0:
            raise ExportError(
                f"example_inputs have {name!r} of shape {list(tensor.shape)}; give at least one row"
            )
