"""An artifact held to the module that it was made of."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from typing import Any, Callable

import torch
from torch import nn

from .axes import Axes
from .calls import Call, name_outputs, run
from .differences import Incomparable, Tolerance, compare
from .errors import ExportError, reason
from .result import NotTaken, Trial
from .state import copied
from .trials import NamedCall, calls_to_try
from .values import Value, copy_of, has_nan, map_tensors, same, tensors_in

Metric = Callable[[Value, Any], float]


def run_fresh(module: Any, call: Call) -> Value:
    """On a copy of the arguments: what it writes to them stays there."""
    with redirect_stdout(io.StringIO()):  # what it prints is said once
        return run(module, call.with_arguments(copy_of(call.arguments)))


_NUDGE = 1e-6


def _is_a_tie(module: nn.Module, call: Call, expected: dict[str, Value], names: Sequence[str]) -> bool:
    """Whether the module's own integers are others for inputs that are hardly others: an order of equals."""
    exact = {
        path: tensor
        for path, tensor in tensors_in(expected)
        if not (tensor.is_floating_point() or tensor.is_complex())
    }
    generator = torch.Generator().manual_seed(0)

    def nudged(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor
        noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        return (tensor.double() * (1 + _NUDGE * noise) + _NUDGE * noise).to(tensor.dtype)

    for _ in range(3):
        try:
            other = run_fresh(module, call.with_arguments(map_tensors(nudged, call.arguments)))
        except Exception:
            return False
        found = dict(tensors_in(name_outputs(other, names)))
        if any(not same(tensor, found.get(path)) for path, tensor in exact.items()):
            return True
    return False


def _one(
    module: nn.Module, artifact: Any, named: NamedCall, names: Sequence[str], tolerance: Tolerance
) -> Trial | NotTaken:
    """Or why the module itself does not take the input, which nobody gave."""
    try:
        expected = name_outputs(run_fresh(module, named.call), names)
    except Exception as error:
        if not named.given:
            return NotTaken(named.name, reason(error))
        return Trial(named.name, None, False, f"the module itself raises: {reason(error)}")
    if named.doubtful and has_nan(expected):
        return NotTaken(named.name, "its answer has NaN")
    try:
        answer = run_fresh(artifact, named.call)
        # A trace returns a plain tuple where the module has names for its parts.
        own = list(expected) if isinstance(answer, tuple) else names
        actual = name_outputs(answer, own)
        difference = compare(expected, actual, tolerance)
    except Incomparable as error:
        if not named.given and _is_a_tie(module, named.call, expected, names):
            return NotTaken(named.name, "its integers are decided by less than a rounding error")
        return Trial(named.name, None, False, str(error))
    except Exception as error:
        return Trial(named.name, None, False, f"raises {type(error).__name__}: {reason(error)}")
    return Trial(named.name, difference, difference.beyond == 0)


def try_all(
    module: nn.Module,
    artifact: Any,
    example: Call,
    axes: Axes,
    more: Iterable[Call],
    names: Sequence[str],
    tolerance: Tolerance,
    example_tolerance: Tolerance,
) -> tuple[tuple[Trial, ...], tuple[NotTaken, ...]]:
    """Compares on every call of calls_to_try that the module itself takes. Random seeds are set before
    each."""
    trials: list[Trial] = []
    not_taken: list[NotTaken] = []
    reference = copied(module)
    for named in calls_to_try(example, axes, more):
        torch.manual_seed(0)
        holds = example_tolerance if named.call is example else tolerance
        tried = _one(reference, artifact, named, names, holds)
        if isinstance(tried, Trial):
            trials.append(tried)
        else:
            not_taken.append(tried)
    return tuple(trials), tuple(not_taken)


def answers(module: nn.Module, example: Call, axes: Axes, names: Sequence[str]) -> Iterator[dict[str, Value]]:
    """The module's own, on every call that it takes of those on which it is compared."""
    for named in calls_to_try(example, axes):
        try:
            answer = name_outputs(run_fresh(module, named.call), names)
        except Exception:  # it does not take this one
            answer = {}
        yield answer


def top_1(outputs: Value, target: Any) -> float:
    """The share of rows whose highest class is the target's: the default metric."""
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    wanted = torch.as_tensor(target).reshape(-1)
    return float((first.argmax(-1).reshape(-1) == wanted).double().mean())


def mean_metric(runs: Any, validation: Sequence[tuple[Call, Any]], metric: Metric) -> float:
    """Of what a module, or an artifact, answers to the validation set.

    Raises:
      ExportError: it does not take an input, or the metric raises, or gives no number.
    """
    name = getattr(metric, "__name__", type(metric).__name__)
    total = 0.0
    for index, (call, target) in enumerate(validation):
        try:
            answer = run_fresh(runs, call)
        except Exception as error:
            raise ExportError(
                f"forward raised {type(error).__name__} on input {index} of validation: {reason(error)}; "
                "give inputs on which the module runs"
            ) from error
        try:
            value = float(metric(answer, target))
        except Exception as error:
            raise ExportError(
                f"metric {name!r} raised {type(error).__name__} on pair {index} of validation: "
                f"{reason(error)}; it is given what forward returns and the target, and returns a number"
            ) from error
        if not math.isfinite(value):
            raise ExportError(f"metric {name!r} is {value} on pair {index} of validation, expected a number")
        total += value
    return total / len(validation)
