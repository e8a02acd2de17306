"""The parts of a module, also those that PyTorch does not know of: kept in plain lists, dictionaries and
objects, or named by a forward that finds them among its globals."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

# nn.Module's own bookkeeping, where its parts are registered.
OWN = frozenset(vars(nn.Module())) | {"_is_full_backward_hook", "_compiled_call_impl"}


def forward_of(part: nn.Module) -> FunctionType | None:
    """A user's forward in Python; none of PyTorch's own layers, and of what is scripted already."""
    if type(part).__module__.startswith("torch."):
        return None
    forward = getattr(type(part), "forward", None)
    return forward if isinstance(getattr(forward, "__code__", None), CodeType) else None


def _is_foreign(module: str | None) -> bool:
    """Not the user's: what Python, PyTorch and NumPy bring."""
    root = (module or "").partition(".")[0]
    return root in ("torch", "numpy", "") or root in getattr(sys, "stdlib_module_names", ())


_MOST_FUNCTIONS = 1000


def functions_of(part: nn.Module) -> list[FunctionType]:
    """Of the user's: the methods of its class, and the functions that those name, and so on."""
    if isinstance(part, torch.jit.ScriptModule):
        return []
    classes = [each for each in type(part).__mro__ if not _is_foreign(each.__module__)]
    found = dict.fromkeys(
        function
        for each in classes
        for function in map(_function, vars(each).values())
        if function is not None
    )
    waiting = list(found)
    while waiting and len(found) < _MOST_FUNCTIONS:
        for value in enclosing(waiting.pop()).values():
            function = _function(value)
            if function is not None and function not in found and not _is_foreign(function.__module__):
                found[function] = None
                waiting.append(function)
    return list(found)


def _function(value: object) -> FunctionType | None:
    """Also of a static method, and of what functools wraps."""
    value = getattr(value, "__func__", value)
    value = getattr(value, "__wrapped__", value)
    return value if isinstance(value, FunctionType) else None


def names_in(code: CodeType) -> list[str]:
    """That it looks up: globals and attributes, also in what is defined within it."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += names_in(constant)
    return names


def enclosing(forward: FunctionType) -> dict[str, object]:
    """The globals that it names, and the variables of functions around it."""
    names = dict.fromkeys(names_in(forward.__code__))
    found = {name: forward.__globals__[name] for name in names if name in forward.__globals__}
    cells = dict(zip(forward.__code__.co_freevars, forward.__closure__ or ()))
    return {**found, **{name: _inside(cell) for name, cell in cells.items()}}


def _inside(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


class _Search:
    """For modules in plain values. Looks at each object once, and not at all of what is vast."""

    def __init__(self, registered: nn.Module) -> None:
        self.known = {id(part) for part in registered.modules()}
        self.seen: set[int] = set()
        self.types: set[type] = set()
        self.found: dict[str, nn.Module] = {}
        self.waiting = list(registered.named_modules())

    def run(self) -> dict[str, nn.Module]:
        while self.waiting:
            prefix, part = self.waiting.pop(0)
            if isinstance(part, torch.jit.ScriptModule):
                continue
            for name, value in list(vars(part).items()):
                if name not in OWN:
                    self._look(value, f"{prefix}.{name}".lstrip("."))
            if type(part) in self.types:
                continue
            self.types.add(type(part))
            for function in functions_of(part):
                for name, value in enclosing(function).items():
                    self._look(value, name)
        return self.found

    def _look(self, value: object, path: str) -> None:
        if isinstance(value, nn.Module):
            if id(value) not in self.known:
                self.found[path] = value
                for name, inner in value.named_modules():
                    self.known.add(id(inner))
                    self.waiting.append((f"{path}.{name}".rstrip("."), inner))
            return
        if id(value) in self.seen or len(self.seen) > _MOST:
            return
        for place, item in _items(value):
            if not isinstance(item, _PLAIN):
                self.seen.add(id(value))
                self._look(item, f"{path}{place}")


_MOST = 10_000
_PLAIN = (str, bytes, int, float, complex, torch.Tensor, ModuleType, type, FunctionType, type(None))


_MAPPINGS = (dict, OrderedDict, defaultdict)


def _items(value: Any) -> Iterator[tuple[str, object]]:
    if type(value) in _MAPPINGS:  # others may compute, or import, what they hold
        yield from ((f"[{key!r}]", item) for key, item in list(value.items()))
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from ((f"[{index}]", item) for index, item in enumerate(list(value)))
    elif type(value).__module__.partition(".")[0] not in ("torch", "numpy", "builtins", "logging"):
        held = getattr(value, "__dict__", None)
        if isinstance(held, dict):
            yield from ((f".{name}", item) for name, item in list(held.items()))


def hidden(module: nn.Module) -> dict[str, nn.Module]:
    """By its place, each part that is not registered: eval(), to() and state_dict() pass it by."""
    return _Search(module).run()


def all_parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """As named_modules(), with the hidden ones."""
    yield from module.named_modules()
    for path, part in hidden(module).items():
        for name, inner in part.named_modules():
            yield f"{path}.{name}".rstrip("."), inner


def heeds_training(part: nn.Module) -> bool:
    """Whether it computes otherwise while a module is trained, as dropout and batch normalization do."""
    code = getattr(getattr(type(part), "forward", None), "__code__", None)
    return isinstance(code, CodeType) and "training" in names_in(code)
