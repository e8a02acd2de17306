"""What a module does beside computing: the traps that no exported file shows."""

from __future__ import annotations

import dis
import io
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import CodeType
from typing import Any

from torch import nn

from .axes import Axes
from .calls import Call, run
from .effects import CLOCK, FILE, LOG, PLACE, PROCESS, SETTING, effects, generators
from .errors import ExportError
from .parts import all_parts, forward_of, hidden
from .ready import check_value
from .result import Finding, Severity
from .state import attributes, changed, copied, surroundings
from .trials import other_call
from .values import Value, copy_of, same, tensors_in


def line_of(module: nn.Module) -> str:
    """Where its forward begins."""
    code = getattr(module.forward, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if isinstance(code, CodeType) else ""


def _written_globals(module: nn.Module) -> set[str]:
    """Global names that the forward of any part assigns to."""
    names: set[str] = set()
    for forward in (forward_of(part) for _, part in all_parts(module)):
        if forward is not None:
            names |= {op.argval for op in dis.get_instructions(forward) if op.opname == "STORE_GLOBAL"}
    return names


def _run_watched(module: nn.Module, call: Call) -> tuple[Value, str, dict[str, str]]:
    """What it returns, what it prints, and the lines that do what no exported file does."""
    printed = io.StringIO()
    try:
        # Warnings are PyTorch's, too; those of the user's lines are seen as they are made.
        with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed), effects() as seen:
            warnings.simplefilter("ignore")
            result = run(module, call)
    except Exception as error:
        raise ExportError(
            f"forward raised {type(error).__name__} on the example inputs: {error}; "
            "give inputs on which the module runs"
        ) from error
    return result, printed.getvalue(), seen


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

    original, module = module, copied(module)
    before, around = attributes(module), surroundings(module)
    mine = call.with_arguments(copy_of(call.arguments))
    seeds = generators()
    first, printed, seen = _run_watched(module, mine)
    drew = seeds != generators()
    check_value(first, "forward returns its output")
    if isinstance(first, (Mapping, list, tuple)) and not first:
        raise ExportError(
            f"forward returns {first!r}, which has nothing in it, expected at least one output; return a "
            "tensor, or a tuple or dictionary of them"
        )
    first = copy_of(first)
    after = attributes(module)
    written = changed(before, after, same)
    around_after = surroundings(module)
    shared = changed(around, around_after, same)
    for name, value in call.arguments.items():
        if not same(value, mine.arguments[name]):
            add(
                "in-place",
                Severity.WARNING,
                f"forward writes to its input {name!r}; it is the daemon's copy that changes, and no caller "
                "sees it: "
                f"begin with {name} = {name}.clone()",
            )
    unregistered = list(hidden(module))
    if unregistered:
        add(
            "hidden-module",
            Severity.WARNING,
            f"{_few(unregistered)} is a module that is not registered: eval(), to(), state_dict() and fewer "
            "digits pass it by; keep it in an attribute, nn.ModuleList or nn.ModuleDict",
        )
    second, *_ = _run_watched(module, call.with_arguments(copy_of(call.arguments)))
    settled = not changed(after, attributes(module), same)
    once = not changed(around_after, surroundings(module), same) and not _hold_tensors(around_after, shared)
    assigned = sorted(set(shared) | _written_globals(module))
    if written and settled and _only_caches(original, module, written, call):
        add(
            "side-effect",
            Severity.WARNING,
            f"forward keeps {', '.join(map(repr, written[:3]))}, which its first call computed; no answer "
            "changed by it on what was tried",
        )
    elif written:
        add(
            "side-effect",
            Severity.ERROR,
            f"forward changes {', '.join(map(repr, written[:3]))} of the module; a request's answer must "
            "not depend on "
            "requests before it: pass state in and return it",
        )
    if drew or (not written and not same(first, second)) or _draws(original, call):
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
    for effect, line in seen.items():
        if effect is not LOG or not printed:
            findings.append(
                Finding("side-effect", Severity.WARNING, f"forward {effect}; {_LOST[effect]}", line)
            )
    if assigned:
        # Of a first call only, and without data, as of a warning that is given once.
        harmless = once and not _written_globals(module)
        add(
            "side-effect",
            Severity.WARNING if harmless else Severity.ERROR,
            f"forward assigns to the global {', '.join(assigned)}; an exported module does not",
        )
    for path, tensor in tensors_in(first, "output"):
        for said, odd in (("NaN", tensor.isnan()), ("infinite", tensor.isinf())):
            if odd.any():
                add(
                    "nan",
                    Severity.WARNING,
                    f"{int(odd.sum())} of {tensor.numel()} elements of {path} are {said} on the example: "
                    "nothing else about them was compared",
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


def _hold_tensors(values: Mapping[str, object], names: Sequence[str]) -> bool:
    return any(True for name in names for _ in tensors_in(values.get(name), name))


_LOST = {
    CLOCK: "an exported module keeps the moment at which it was made, or takes no way by it",
    FILE: "an exported module does not: what was read stays as it is now; read it in __init__",
    LOG: "an exported module does not",
    PLACE: "an exported module does not: it keeps what this machine said; ask in __init__",
    PROCESS: "an exported module does not, and keeps what it said here",
    SETTING: "an exported module does not: the daemon's stays as it is; call it before the export",
}


def _few(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 3} more)" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def _other_values(call: Call) -> Call:
    return other_call(call, Axes({}))


def _only_caches(original: nn.Module, used: nn.Module, written: Sequence[str], call: Call) -> bool:
    """Whether all of it is private, and one that ran before answers other values as one that did not."""
    fresh = copied(original)
    if fresh is original or not all(name.rpartition(".")[2].startswith("_") for name in written):
        return False
    other = _other_values(call)
    try:
        return same(_answer(fresh, other), _answer(used, other))
    except Exception:  # other values are nonsense to it
        return False


def _draws(module: nn.Module, call: Call) -> bool:
    """Whether it draws random numbers on other values. Little probability shows by the generator only."""
    mine = copied(module)
    seeds = generators()
    if mine is not module:
        with suppress(Exception):  # other values may be nonsense to it
            _answer(mine, _other_values(call))
    return seeds != generators()


def _answer(module: nn.Module, call: Call) -> Value:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return run(module, call.with_arguments(copy_of(call.arguments)))


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
