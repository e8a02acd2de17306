"""Calling a module by the names that requests use."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .errors import ExportError
from .values import Value


@dataclass(frozen=True)
class Call:
    """Arguments of `forward`, by name, in its order. Those that are left out have their defaults."""

    arguments: dict[str, Value]

    @property
    def positional(self) -> tuple[Value, ...]:
        return tuple(self.arguments.values())

    def with_arguments(self, arguments: Mapping[str, Value]) -> Call:
        return Call(dict(arguments))


def _parameters(module: nn.Module) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(module.forward).parameters.values())
    for parameter in parameters:
        only_by_name = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if only_by_name and parameter.default is inspect.Parameter.empty:
            raise ExportError(
                f"forward takes {parameter.name!r} by name only, but exported files take arguments in order; "
                "move it before the '*'"
            )
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise ExportError(
                f"forward takes {parameter}, but a request names its inputs; give forward named arguments"
            )
    return parameters


def bind(module: nn.Module, example_inputs: Value) -> Call:
    """What `forward` is called with.

    Args:
      example_inputs: a tensor; a tuple or list of arguments in order; or a mapping of them by name.

    Raises:
      ExportError: they are too many, too few, or named as none of forward's arguments is.
    """
    parameters = _parameters(module)
    by_name = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    parameters = [each for each in parameters if each.name not in by_name]
    names = [parameter.name for parameter in parameters]
    text = f"forward({', '.join(str(parameter) for parameter in parameters)})"
    if isinstance(example_inputs, Mapping):
        arguments = dict(example_inputs)
        if set(by_name) & set(arguments):
            raise ExportError(
                f"example_inputs name {by_name[0]!r}, which forward takes by name only, but files take "
                "arguments in order; move it before the '*'"
            )
        unknown = sorted(set(arguments) - set(names))
        if unknown:
            raise ExportError(
                f"example_inputs name {', '.join(map(repr, unknown))}, which {text} does not take"
            )
    else:
        given: Sequence[Any] = (
            example_inputs if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
        )
        if len(given) > len(names):
            raise ExportError(f"example_inputs are {len(given)} values, but {text} takes {len(names)}")
        arguments = dict(zip(names, given))
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty and parameter.name not in arguments
    ]
    if missing:
        raise ExportError(
            f"example_inputs lack {', '.join(map(repr, missing))} of {text}; give a value for each, in "
            "order or by name"
        )
    given_names = [name for name in names if name in arguments]
    if given_names != names[: len(given_names)]:
        skipped = next(name for name in names if name not in arguments)
        raise ExportError(
            f"example_inputs leave out {skipped!r} but give what follows it in {text}; give {skipped!r} too"
        )
    return Call({name: arguments[name] for name in given_names})


def run(module: Any, call: Call) -> Value:
    """What the module returns, without gradients. Raises what it raises."""
    with torch.no_grad():
        return module(*call.positional)


def name_outputs(result: Value, names: Sequence[str] = ()) -> dict[str, Value]:
    """The result by the names that answers have: the config's, else those of a NamedTuple's fields or a
    dictionary's keys, else `output`, or `output_0`, `output_1`, … of several."""
    if isinstance(result, Mapping):
        own = [str(key) for key in result]
        if names and list(names) != own:
            raise ExportError(
                f"output_names are {list(names)}, but forward returns a dictionary, whose own are {own}; "
                "leave output_names out"
            )
        return dict(zip(own, result.values()))
    if isinstance(result, tuple):
        own = getattr(result, "_fields", None) or [f"output_{i}" for i in range(len(result))]
        values = list(result)
    else:
        own, values = ["output"], [result]
    chosen = list(names) or list(own)
    if len(chosen) != len(values):
        raise ExportError(
            f"output_names are {len(chosen)} ({', '.join(chosen)}), but forward returns {len(values)} "
            f"output{'s' if len(values) > 1 else ''}"
        )
    return dict(zip(chosen, values))
