"""An artifact held to the module that it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable

import torch
from torch import nn

from .axes import Axes
from .calls import Call, name_outputs, run
from .differences import Incomparable, Tolerance, compare
from .errors import reason
from .result import Accuracy, Trial
from .state import copied
from .trials import NamedCall, calls_to_try
from .values import Value, copy_of, has_nan

Metric = Callable[[Value, Any], float]


def run_fresh(module: Any, call: Call) -> Value:
    """On a copy of the arguments: what it writes to them stays there."""
    return run(module, call.with_arguments(copy_of(call.arguments)))


def _one(
    module: nn.Module, artifact: Any, named: NamedCall, names: Sequence[str], tolerance: Tolerance
) -> Trial | None:
    """None: the module itself does not take the input, which nobody gave."""
    try:
        expected = name_outputs(run_fresh(module, named.call), names)
    except Exception as error:
        if not named.given:
            return None
        return Trial(named.name, None, False, f"the module itself raises: {reason(error)}")
    if named.doubtful and has_nan(expected):
        return None
    try:
        answer = run_fresh(artifact, named.call)
        # A trace returns a plain tuple where the module has names for its parts.
        own = list(expected) if isinstance(answer, tuple) else names
        actual = name_outputs(answer, own)
        difference = compare(expected, actual, tolerance)
    except Incomparable as error:
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
) -> tuple[Trial, ...]:
    """Compares on every call of calls_to_try that the module itself takes. Random seeds are set before
    each."""
    trials = []
    reference = copied(module)
    for named in calls_to_try(example, axes, more):
        torch.manual_seed(0)
        holds = example_tolerance if named.call is example else tolerance
        trial = _one(reference, artifact, named, names, holds)
        if trial is not None:
            trials.append(trial)
    return tuple(trials)


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


def accuracy(
    module: nn.Module, artifact: Any, validation: Iterable[tuple[Call, Any]], metric: Metric
) -> Accuracy:
    """The mean of the metric over the validation set, of both."""
    pairs = [
        (metric(run_fresh(module, call), target), metric(run_fresh(artifact, call), target))
        for call, target in validation
    ]
    return Accuracy(sum(mine for mine, _ in pairs) / len(pairs), sum(its for _, its in pairs) / len(pairs))
