"""What a module keeps between calls: attributes of all parts, hidden ones too, and the globals that their
forwards name."""

from __future__ import annotations

import copy
import os
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from types import ModuleType
from typing import Callable

import torch
from torch import nn

from .parts import OWN, all_parts, enclosing, functions_of

_DEEPEST = 6


def copied(module: nn.Module) -> nn.Module:
    """Its own copy to run, so that the user's stays as it is; or, where it cannot be copied, itself."""
    try:
        copy_: nn.Module = copy.deepcopy(module)
    except Exception:  # it holds a lock, a file, a tensor that was computed, …
        return module
    return copy_


def _held(value: object, depth: int = 0) -> object:
    """Something that compares as the value does now, and stays so."""
    if isinstance(value, torch.Tensor):
        if torch.nn.parameter.is_lazy(value) or value.is_meta:
            return "not initialized"
        return value.detach().clone()
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)  # NaN is NaN
    if depth == _DEEPEST or isinstance(value, (nn.Module, ModuleType, type)) or callable(value):
        return type(value).__name__
    if isinstance(value, Mapping):
        return {repr(key): _held(item, depth + 1) for key, item in list(value.items())}
    if isinstance(value, (list, tuple, deque)):
        return [_held(item, depth + 1) for item in list(value)]
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    if type(value).__module__.partition(".")[0] in ("torch", "numpy"):
        return repr(value)
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        return {name: _held(item, depth + 1) for name, item in list(attributes.items())}
    return type(value).__name__


def _derived(part: nn.Module) -> set[str]:
    """What hooks of PyTorch's own (weight_norm, spectral_norm, pruning) compute from parameters anew for each
    call: it is of an optimizer's last step but one until forward runs."""
    hooks = part._forward_pre_hooks.values()
    own = [hook for hook in hooks if type(hook).__module__.startswith("torch.nn.utils.")]
    names = [getattr(hook, "name", None) or getattr(hook, "_tensor_name", None) for hook in own]
    return {name for name in names if isinstance(name, str)}


def attributes(module: nn.Module) -> dict[str, object]:
    """Of all parts, private ones too; tensors by their elements."""
    found: dict[str, object] = {}
    for prefix, part in all_parts(module):
        if isinstance(part, torch.jit.ScriptModule):
            for own, tensor in (*part.named_buffers(recurse=False), *part.named_parameters(recurse=False)):
                found[f"{prefix}.{own}".lstrip(".")] = _held(tensor)
            continue
        derived = _derived(part)
        for name, value in list(vars(part).items()):
            if name in ("_buffers", "_parameters"):
                for own, tensor in value.items():
                    found[f"{prefix}.{own}".lstrip(".")] = _held(tensor)
            elif name not in OWN and name not in derived:
                found[f"{prefix}.{name}".lstrip(".")] = _held(value)
    return found


def surroundings(module: nn.Module) -> dict[str, object]:
    """What others hold, too: containers among the globals of forward and of what it calls, class and
    enclosing variables, and the environment."""
    found: dict[str, object] = {"os.environ": dict(os.environ)}
    for kind in {type(part): part for _, part in all_parts(module)}.values():
        functions = functions_of(kind)
        if not functions:
            continue
        shared = {name: value for name, value in vars(type(kind)).items() if not name.startswith("__")}
        for function in functions:
            shared |= enclosing(function)
        found |= {name: _held(value) for name, value in shared.items() if type(value) in _KEPT}
    return found


# No kinds of one's own: they may compute, or import, what they hold.
_KEPT = (bool, int, float, str, list, dict, OrderedDict, defaultdict, Counter, set, deque, torch.Tensor)


def changed(
    before: dict[str, object], after: dict[str, object], same: Callable[[object, object], bool]
) -> list[str]:
    return [
        name
        for name in dict.fromkeys([*before, *after])
        if (name in before) != (name in after) or not same(before[name], after[name])
    ]
