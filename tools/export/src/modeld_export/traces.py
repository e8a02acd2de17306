"""Tracing twice: what a trace took from its example instead of from its inputs."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.jit._trace import TracerWarning

from .axes import Axes
from .calls import Call
from .conversions import BOOLEAN, conversions, unmuted
from .effects import raising
from .errors import ExportError, reason
from .far import far_calls
from .observe import is_from, shown, torch_directory, user_line
from .parity import run_fresh
from .result import Finding, Severity
from .trials import exact_calls, other_call
from .values import copy_of


def trace(module: nn.Module, call: Call) -> tuple[torch.jit.ScriptModule, tuple[Finding, ...]]:
    """The trace, and what LibTorch warned of: data that became Python values. A branch is an error; of a
    number, list or array it is not known whether another input has another.

    Raises:
      ExportError: it cannot be traced.
    """
    arguments = copy_of(call.positional)
    untraceable = [
        name
        for name, value in call.arguments.items()
        if isinstance(value, (bool, int, float, str)) or value is None
    ]
    if untraceable:
        raise ExportError(
            f"a trace takes tensors, but {', '.join(map(repr, untraceable))} of forward is "
            f"{type(call.arguments[untraceable[0]]).__name__}; export it scripted"
        )
    check_raises_nothing(module, call)
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        try:
            with unmuted():
                traced = torch.jit.trace(module, arguments, check_trace=False, strict=False)
        except Exception as error:
            raise ExportError(f"it cannot be traced: {reason(error)}; try it scripted") from error
    findings = set()
    for warning in caught:
        text = str(warning.message)
        # PyTorch's own layers look at the sizes of what they are given.
        if not issubclass(warning.category, TracerWarning) or is_from(warning.filename, torch_directory()):
            continue
        where = f"{Path(warning.filename).name}:{warning.lineno}"
        if "boolean" in text:
            findings.add(_kept(BOOLEAN, where))
        elif "NumPy array" in text or "Python list" in text:
            findings.add(_kept("a NumPy array" if "NumPy" in text else "a Python list", where))
    return traced, tuple(sorted(findings, key=str))


def check_raises_nothing(module: nn.Module, call: Call) -> None:
    """A trace of an operator that raises, where forward goes on, ends the process.

    Raises:
      ExportError: there is one.
    """
    try:
        with raising() as raised:
            run_fresh(module, call)
    except Exception:  # tracing says so, too
        return
    if raised:
        raise ExportError(
            f"it cannot be traced: forward goes on where {raised[0]} raised, which no file does; write the "
            "condition by torch.where"
        )


_REMEDY = "and the trace goes the same way for every input: use torch.where, or export it scripted"


def _kept(made: str, where: str) -> Finding:
    if made == BOOLEAN:
        return Finding("branch", Severity.ERROR, f"data, or a size, became {made}, {_REMEDY}", where)
    return Finding(
        "baked-value",
        Severity.WARNING,
        f"data became {made}, which the trace keeps from the example: keep it in a tensor, export it "
        "scripted, or give more_inputs in which it is another",
        where,
    )


def _nodes(graph: Any) -> list[Any]:
    found = []
    for node in graph.nodes():
        found.append(node)
        for block in node.blocks():
            found += _nodes(block)
    return found


def _constant(node: Any) -> str | None:
    """The text of a constant's value; none of another node. Tensors are by their elements."""
    if node.kind() != "prim::Constant" or not node.hasAttribute("value"):
        return None
    return str(node.output().toIValue())


def _user(node: Any) -> Any:
    """Who a constant is for."""
    uses = node.output().uses()
    return uses[0].user if uses else node


def differences(first: Any, second: Any) -> list[Finding]:
    """Between the graphs of two traces, inlined."""
    a, b = _nodes(first), _nodes(second)
    findings: list[Finding] = []
    for one, other in zip(a, b):
        if one.kind() != other.kind():
            return [
                *findings,
                Finding(
                    "branch",
                    Severity.ERROR,
                    f"other data takes another way: {one.kind()} where a second trace has {other.kind()}; "
                    "export it scripted, or use torch.where",
                    user_line(one.sourceRange()),
                ),
            ]
        left, right = _constant(one), _constant(other)
        if left != right:
            user = _user(one)
            findings.append(
                Finding(
                    "baked-size",
                    Severity.ERROR,
                    f"{user.kind()} has {shown(left)} of the example in it, where a second trace has "
                    f"{shown(right)}; "
                    "take a size from its tensor (x.size(0)), and keep values in tensors",
                    user_line(user.sourceRange()) or user_line(one.sourceRange()),
                )
            )
    if len(a) != len(b):
        findings.append(
            Finding(
                "branch",
                Severity.ERROR,
                f"the trace has {len(a)} operations, a second one on other inputs {len(b)}: a loop or "
                "branch depends "
                "on the inputs; export it scripted",
            )
        )
    return findings


def trace_twice(
    module: nn.Module, call: Call, axes: Axes
) -> tuple[torch.jit.ScriptModule, tuple[Finding, ...]]:
    """The trace of the call, held against one of other values and sizes, and those of other integers and
    booleans."""
    traced, warned = trace(module, call)
    findings = list(warned)
    try:
        second, _ = trace(module, other_call(call, axes))
    except ExportError as error:
        findings.append(
            Finding(
                "baked-size",
                Severity.ERROR,
                f"on other sizes than the example's ({axes.sizes(call)}) forward fails: {error}; "
                "say by `dynamic` which dimensions may have another size",
            )
        )
        return traced, tuple(findings)
    findings += differences(traced.inlined_graph, second.inlined_graph)
    for named in exact_calls(call, axes):
        try:
            other, _ = trace(module, named.call)
        except ExportError:  # the module does not take them
            continue
        findings += differences(traced.inlined_graph, other.inlined_graph)
    if not any(finding.severity is Severity.ERROR for finding in findings):  # which would only be said again
        findings += _of_far_sizes(module, call, axes, traced)
    findings += [_kept(made, where) for where, made in conversions(module, call).items()]
    return traced, _by_line(findings)


def _of_far_sizes(module: nn.Module, call: Call, axes: Axes, traced: torch.jit.ScriptModule) -> list[Finding]:
    findings = []
    for named in far_calls(module, call, axes):
        try:
            far, _ = trace(module, named.call)
        except ExportError:  # the module does not take so many
            continue
        found = differences(traced.inlined_graph, far.inlined_graph)
        findings += [replace(each, message=f"with {named.name}, {each.message}") for each in found]
    return findings


def _by_line(findings: list[Finding]) -> tuple[Finding, ...]:
    """Of each line the first, errors before warnings."""
    lines: set[str] = set()
    kept = []
    for finding in sorted(dict.fromkeys(findings), key=lambda each: each.severity is not Severity.ERROR):
        if not finding.where or finding.where not in lines:
            kept.append(finding)
        lines.add(finding.where)
    return tuple(kept)
