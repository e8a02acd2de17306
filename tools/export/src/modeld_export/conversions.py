"""Where forward makes Python values of its data: a trace keeps those of the example."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from .calls import Call
from .observe import is_from, torch_directory
from .parity import run_fresh

# By operator, what a caller knows it as. Sizes are Python numbers already, and are not among them.
_CONVERSIONS = {
    "aten::_local_scalar_dense": "a Python number",
    "aten::equal": "a Python boolean (torch.equal)",
}


def _caller() -> str:
    """The line that called an operator, if it is no layer of PyTorch that did."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        inside = is_from(path, torch_directory())
        if not inside and path != __file__:
            return f"{Path(path).name}:{frame.f_lineno}"
        if inside and f"{Path(torch_directory()) / 'nn'}" in path:
            return ""
        frame = frame.f_back
    return ""


class _Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = _CONVERSIONS.get(func._schema.name)
        place = _caller() if made else ""
        if made and place:
            self.found.setdefault(place, made)
        return func(*args, **(kwargs or {}))


def conversions(module: nn.Module, call: Call) -> dict[str, str]:
    """By line, what data became there while the module ran as it is."""
    watch = _Watch()
    try:
        with watch:
            run_fresh(module, call)
    except Exception:  # some modules do not run under it
        return {}
    return watch.found
