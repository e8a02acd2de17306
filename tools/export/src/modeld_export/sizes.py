"""Which dimensions a module takes in other sizes than the example's."""

from __future__ import annotations

from torch import nn

from .axes import Axes
from .calls import Call
from .errors import reason
from .observe import line_of
from .parity import run_fresh
from .result import Finding, Severity
from .trials import resized, sizes_nearby


def _refusal(module: nn.Module, call: Call) -> str:
    """What it raises; empty: nothing."""
    try:
        run_fresh(module, call)
    except Exception as error:
        return reason(error)
    return ""


def settle(module: nn.Module, call: Call, axes: Axes) -> tuple[Axes, tuple[Finding, ...]]:
    """The axes without those along which the module takes no size but the example's, and a finding for each
    that it does not take as a caller would expect."""
    findings = []
    fixed = set()
    for name, own in axes.sizes(call).items():
        near = sizes_nearby(own)
        answers = {size: _refusal(module, resized(call, axes, {name: size})) for size in {1, *near} - {own}}
        refused = {size: why for size, why in answers.items() if why}
        if not refused:
            continue
        if all(size in refused for size in near):
            fixed.add(name)
            said = f"it is declared fixed, {own}"
        else:
            said = "requests of such a size fail"
        size, why = next(((size, refused[size]) for size in near if size in refused), (1, refused.get(1, "")))
        findings.append(
            Finding(
                "fixed-size",
                Severity.WARNING,
                f"forward fails with {name}={size} ({why}): {said}. Take sizes from the input (x.size(0)), "
                "or say by `dynamic` which dimensions may have another size",
                line_of(module),
            )
        )
    kept = {
        name: {axis: axis_name for axis, axis_name in dynamic.items() if axis_name not in fixed}
        for name, dynamic in axes.names.items()
    }
    return Axes({name: dynamic for name, dynamic in kept.items() if dynamic}), tuple(findings)
