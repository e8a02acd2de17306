"""Where forward makes Python values of its data: a trace keeps those of the example. PyTorch warns of most,
but forward may mute warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .calls import Call
from .observe import is_from, torch_directory
from .parity import run_fresh

BOOLEAN = "a Python boolean"
# By method, what it makes of a tensor. Sizes are Python numbers already, and are not among them.
_CONVERSIONS: dict[Any, str] = {
    torch.Tensor.__bool__: BOOLEAN,
    torch.Tensor.__contains__: BOOLEAN,
    torch.equal: BOOLEAN,
    torch.Tensor.equal: BOOLEAN,
    torch.is_nonzero: BOOLEAN,
    torch.Tensor.is_nonzero: BOOLEAN,
    torch.allclose: BOOLEAN,
    torch.Tensor.allclose: BOOLEAN,
    **dict.fromkeys(
        (
            torch.Tensor.__int__,
            torch.Tensor.__float__,
            torch.Tensor.__complex__,
            torch.Tensor.__index__,
            torch.Tensor.item,
        ),
        "a Python number",
    ),
    torch.Tensor.tolist: "a Python list",
    torch.Tensor.numpy: "a NumPy array",
    torch.Tensor.__array__: "a NumPy array",
    torch.Tensor.__dlpack__: "an array of another library",
    **dict.fromkeys(
        (torch.Tensor.data_ptr, torch.Tensor.storage, torch.Tensor.untyped_storage), "an address of memory"
    ),
}


def _caller() -> str:
    """The line that called a method, if it is no layer of PyTorch that did."""
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


class _Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = _CONVERSIONS.get(func)
        place = _caller() if made else ""
        if made and place and self.found.get(place) != BOOLEAN:
            self.found[place] = made
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


@contextmanager
def unmuted() -> Iterator[None]:
    """No filter of warnings that forward sets has an effect."""

    def ignored(*_: Any, **__: Any) -> None:
        """As if it had been set."""

    with patch.object(warnings, "simplefilter", ignored), patch.object(warnings, "filterwarnings", ignored):
        yield
