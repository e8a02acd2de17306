"""TorchScript, traced and scripted."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import ExportError, cannot_write
from .parts import functions_of


def script(module: nn.Module) -> torch.jit.ScriptModule:
    """Raises ExportError with the line that TorchScript does not take, and what to do."""
    if isinstance(module, torch.jit.ScriptModule):
        return module
    try:
        scripted: torch.jit.ScriptModule = torch.jit.script(module)
    except Exception as error:
        raise ExportError(f"it cannot be scripted: {explain(str(error))}") from error
    return scripted


# What people meet most, by what the compiler says of it.
_REMEDIES = (
    (r"with \*args|with \*\*kwargs|varargs|variable number of arguments", "give forward named arguments"),
    (
        r"Could not get name of python class|python value of type",
        "TorchScript knows no such Python object; make it "
        "a tensor, a number, or an attribute with a type annotation",
    ),
    (r"Expected a single top-level function", "write hooks and functions by def, with annotations"),
    (
        r"Can't redefine method|method cannot be used as a value",
        "PyTorch does not script this layer as it is now, as one of a transformer that was quantized",
    ),
    (
        r"is not defined|undefined value",
        "only torch, the module's own attributes and annotated functions are known in TorchScript",
    ),
    (
        r"Expected a value of type '(?P<want>[^']+)'",
        "arguments without an annotation are tensors; annotate others, as `flag: bool`",
    ),
    (
        r"Tried to access nonexistent attribute|does not have an attribute|has no attribute",
        "set it in __init__, of a type that TorchScript knows",
    ),
    (
        r"[Tt]ry.*not supported|[Rr]aise.*not supported|isn't supported|is not supported|not supported",
        "write it without this, or keep it outside of forward by @torch.jit.ignore or @torch.jit.unused",
    ),
)


def explain(text: str) -> str:
    """One line of a compiler's message: what, where, and the remedy."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    what = lines[0].rstrip(":") if lines else "no reason is given"
    found = re.search(r'File "([^"]+)", line (\d+)', text)
    where = f" ({Path(found[1]).name}:{found[2]})" if found else ""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text):
            return f"{what}{where}; {remedy}"
    return f"{what}{where}"


def save(module: torch.jit.ScriptModule, path: Path, extra: dict[str, bytes]) -> None:
    """With the extra files that the daemon reads.

    Raises:
      ExportError: it cannot be written, as where the disk is full.
    """
    # PyTorch's own writer of files ends the process where the disk is full.
    buffer = io.BytesIO()
    torch.jit.save(module, buffer, _extra_files=extra)
    try:
        path.write_bytes(buffer.getbuffer())
    except OSError as error:
        raise cannot_write(path, error) from error


def load(path: Path) -> Any:
    """As the daemon does."""
    return torch.jit.load(str(path), map_location="cpu").eval()


def raises_in(module: nn.Module) -> list[str]:
    """Methods that raise in a script, as they are marked by torch.jit.unused."""
    unused = getattr(torch._jit_internal, "FunctionModifiers", None)
    return sorted(
        {
            function.__qualname__
            for part in module.modules()
            for function in functions_of(part)
            if unused is not None and getattr(function, "_torchscript_modifier", None) == unused.UNUSED
        }
    )


def writes_state(module: torch.jit.ScriptModule) -> bool:
    """Whether forward assigns to an attribute. torch.no_grad() does, to its own."""
    graph: Any = module.inlined_graph
    return any(
        "torch.autograd.grad_mode" not in str(next(node.inputs()).type())
        for node in graph.findAllNodes("prim::SetAttr")
    )
