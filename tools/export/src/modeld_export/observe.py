"""What a module does beside computing: the traps that no exported file shows."""

from __future__ import annotations

import dis
import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from torch import nn

from .calls import Call, run
from .errors import ExportError
from .result import Finding, Severity
from .values import Value, copy_of, same, tensors_in


def line_of(module: nn.Module) -> str:
    """Where its forward begins."""
    code = getattr(module.forward, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if isinstance(code, CodeType) else ""


def _attributes(module: nn.Module) -> dict[str, object]:
    """Of all its parts: plain attributes by what they hold, tensors by their elements."""
    found: dict[str, object] = {}
    for prefix, part in module.named_modules():
        for name, value in vars(part).items():
            if name.startswith("_") and name not in ("_buffers", "_parameters"):
                continue
            if name in ("_buffers", "_parameters"):
                for own, tensor in value.items():
                    if tensor is not None:
                        found[f"{prefix}.{own}".lstrip(".")] = tensor.detach().clone()
            elif isinstance(value, (bool, int, float, str, list, dict, set, tuple, torch.Tensor)):
                found[f"{prefix}.{name}".lstrip(".")] = (
                    value.detach().clone() if isinstance(value, torch.Tensor) else repr(value)
                )
    return found


def _written_globals(module: nn.Module) -> set[str]:
    """Global names that the forward of any part assigns to."""
    names: set[str] = set()
    for part in module.modules():
        code = getattr(type(part).forward, "__code__", None)
        if isinstance(code, CodeType) and not type(part).__module__.startswith("torch."):
            names |= {op.argval for op in dis.get_instructions(code) if op.opname == "STORE_GLOBAL"}
    return names


def _run_watched(module: nn.Module, call: Call) -> tuple[Value, str]:
    """What it returns, and what it prints."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            result = run(module, call)
    except Exception as error:
        raise ExportError(
            f"forward raised {type(error).__name__} on the example inputs: {error}; "
            "give inputs on which the module runs"
        ) from error
    return result, printed.getvalue()


def observe(module: nn.Module, call: Call) -> tuple[Value, tuple[Finding, ...]]:
    """What it returns on the call, and what is to be known of how it does. The module and the call stay as
    they were.

    Raises:
      ExportError: forward raised.
    """
    findings: list[Finding] = []
    where = line_of(module)

    def add(kind: str, severity: Severity, message: str) -> None:
        findings.append(Finding(kind, severity, message, where))

    before = _attributes(module)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    mine = call.with_arguments(copy_of(call.arguments))
    first, printed = _run_watched(module, mine)
    first = copy_of(first)
    changed = [
        name
        for name, value in _attributes(module).items()
        if name not in before or not same(before[name], value)
    ]
    for name, value in call.arguments.items():
        if not same(value, mine.arguments[name]):
            add(
                "in-place",
                Severity.WARNING,
                f"forward writes to its input {name!r}; it is the daemon's copy that changes, and no caller "
                "sees it: "
                f"begin with {name} = {name}.clone()",
            )
    module.load_state_dict(state, strict=False)
    second, _ = _run_watched(module, call.with_arguments(copy_of(call.arguments)))
    module.load_state_dict(state, strict=False)
    if changed:
        add(
            "side-effect",
            Severity.ERROR,
            f"forward changes {', '.join(map(repr, changed[:3]))} of the module; a request's answer must "
            "not depend on "
            "requests before it: pass state in and return it",
        )
    elif not same(first, second):
        add(
            "random",
            Severity.ERROR,
            "forward answers otherwise each time on the same input: it draws random numbers, or leaves "
            "dropout on; "
            "nothing it returns could be checked. Take them out, or pass them in",
        )
    if printed:
        add(
            "side-effect",
            Severity.WARNING,
            f"forward prints ({printed[:40]!r}…); an exported module does not",
        )
    written = _written_globals(module)
    if written:
        add(
            "side-effect",
            Severity.ERROR,
            f"forward assigns to the global {', '.join(sorted(written))}; an exported module does not",
        )
    for path, tensor in tensors_in(second, "output"):
        if not tensor.is_contiguous():
            add(
                "not-contiguous",
                Severity.WARNING,
                f"{path} is a view with strides {list(tensor.stride())}; its elements are copied for every "
                "answer: "
                "return it .contiguous()",
            )
    return first, tuple(findings)


def is_from(path: str, directory: str) -> bool:
    return Path(directory) in Path(path).parents


def torch_directory() -> str:
    return str(Path(sys.modules["torch"].__file__ or "").parent)


# Of a trace: `path(12): forward`; of a script: `File "path", line 12, in forward`.
_PLACE = re.compile(
    r"^\s*(?:File \"(?P<file>[^\"]+)\", line (?P<line>\d+)|(?P<path>[^\s(]+)\((?P<number>\d+)\))", re.M
)


def user_line(text: str) -> str:
    """The innermost place of a source range that is not PyTorch's own: file name and number of the line."""
    for place in _PLACE.finditer(text):
        path = place["file"] or place["path"]
        if not is_from(path, torch_directory()):
            return f"{Path(path).name}:{place['line'] or place['number']}"
    return ""


def shown(value: Any, most: int = 60) -> str:
    """Short, for a message."""
    text = str(value).replace("\n", " ")
    return text if len(text) <= most else text[: most - 3] + "…"


def reason(error: BaseException) -> str:
    """What an error says. TorchScript puts what was raised last, behind its own traceback."""
    text = str(error).strip()
    if text.startswith("The following operation failed in the TorchScript interpreter"):
        text = text.splitlines()[-1]
    return shown(text or type(error).__name__, 300)
