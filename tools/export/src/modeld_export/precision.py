"""Other numbers than the module's own: linear layers of eight bits, and bfloat16. Both are saved scripted."""

from __future__ import annotations

import copy
import linecache
import typing
import warnings
from typing import Any

import torch
from torch import nn

from .calls import Call
from .errors import ExportError
from .torchscript import script
from .values import tensors_in


def quantized(module: nn.Module) -> torch.jit.ScriptModule:
    """Dynamic quantization: the weights of nn.Linear in eight bits, activations while it runs.

    Raises:
      ExportError: there is no linear layer, or it cannot be scripted.
    """
    if not any(isinstance(part, nn.Linear) for part in module.modules()):
        raise ExportError("int8 quantizes nn.Linear, and the module has none; leave the format out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smaller = torch.ao.quantization.quantize_dynamic(
            copy.deepcopy(module), {nn.Linear}, dtype=torch.qint8, inplace=False
        )
    return script(smaller.eval())


_WRAPPER = """\
class Bfloat16(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, {arguments}):
        result = self.inner({passed})
        return {returned}
"""


def bfloat16(module: nn.Module, call: Call, result: Any) -> torch.jit.ScriptModule:
    """Weights and computation in bfloat16; inputs and outputs as they were.

    Args:
      result: what the module returns on the call.

    Raises:
      ExportError: it returns other than tensors, one or a tuple or dictionary of them, or cannot be scripted.
    """
    parts = _parts(result)
    if not all(isinstance(item, torch.Tensor) for item in parts.values()):
        raise ExportError(
            "bf16 takes modules that return a tensor, or a tuple or dictionary of them; leave the format out"
        )
    inner: Any = script(copy.deepcopy(module).to(torch.bfloat16))
    arguments = [
        (argument.name, argument.type.annotation_str)
        for argument in inner.forward.schema.arguments[1 : 1 + len(call.arguments)]
    ]
    floating = {name for name, tensor in tensors_in(call.arguments) if tensor.is_floating_point()}
    widened = [
        f"{place}.to({item.dtype})" if item.is_floating_point() else place for place, item in parts.items()
    ]
    source = _WRAPPER.format(
        arguments=", ".join(f"{name}: {kind}" for name, kind in arguments),
        passed=", ".join(
            f"{name}.to(torch.bfloat16)" if name in floating and kind == "Tensor" else name
            for name, kind in arguments
        ),
        returned=_together(result, widened),
    )
    wrapper: type[nn.Module] = _compiled(source)["Bfloat16"]
    return script(wrapper(inner).eval())


def _parts(result: Any) -> dict[str, Any]:
    """What it is made of, by how the wrapper names it."""
    if isinstance(result, tuple):
        return {f"result[{index}]": item for index, item in enumerate(result)}
    if isinstance(result, dict):
        return {f"result[{key!r}]": item for key, item in result.items()}
    return {"result": result}


def _together(result: Any, parts: list[str]) -> str:
    """The expression that makes one such as the result of its parts."""
    if isinstance(result, tuple):
        return f"({', '.join(parts)},)"
    if isinstance(result, dict):
        return f"{{{', '.join(f'{key!r}: {part}' for key, part in zip(result, parts))}}}"
    return parts[0]


def _compiled(source: str) -> dict[str, Any]:
    """TorchScript reads a class's source, which is looked for by the name of its file."""
    name = f"<modeld_export {hash(source):x}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor, "__name__": __name__, **vars(typing)}
    exec(compile(source, name, "exec"), namespace)
    return namespace
