"""Whether rows of a batch are answered as they are alone: batching takes it, and the daemon's probe tries."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .axes import Axes
from .calls import Call, name_outputs
from .differences import Incomparable, Tolerance, compare
from .observe import line_of
from .parity import run_fresh
from .result import Finding, Severity
from .trials import other_call

_MOST_ROWS = 4


def check_rows(
    module: nn.Module, call: Call, axes: Axes, names: Sequence[str], tolerance: Tolerance
) -> tuple[Finding, ...]:
    """An error where they are not: with batching in its config the daemon quarantines the file."""
    batched = [name for name, dynamic in axes.names.items() if 0 in dynamic]
    if not batched:
        return ()
    joined = other_call(call, axes)
    rows = int(joined.arguments[batched[0]].shape[0])
    why = ""
    try:
        together = name_outputs(run_fresh(module, joined), names)
        for row in range(min(rows, _MOST_ROWS)):
            alone = {name: joined.arguments[name][row : row + 1] for name in batched}
            single = name_outputs(
                run_fresh(module, joined.with_arguments({**joined.arguments, **alone})), names
            )
            why = why or _difference(together, single, row, rows, tolerance)
    except Exception:  # of sizes that it does not take more is said elsewhere
        return ()
    if not why:
        return ()
    message = f"config has batching, but {why}: the daemon would quarantine it; leave batching out"
    return (Finding("batching", Severity.ERROR, message, line_of(module)),)


def _difference(
    together: dict[str, object], single: dict[str, object], row: int, rows: int, tolerance: Tolerance
) -> str:
    """Empty: there is none."""
    for name, value in together.items():
        if not isinstance(value, torch.Tensor) or value.dim() == 0 or value.shape[0] != rows:
            return f"{name!r} has not one row for each row of input"
        try:
            beyond = compare(value[row : row + 1], single[name], tolerance, name).beyond
        except Incomparable:
            beyond = 1
        if beyond:
            return f"row {row} of {name!r} depends on the other rows of its batch"
    return ""
