"""ONNX: exported, checked, and run in ONNX Runtime."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .axes import Axes
from .config import with_labels_inside
from .errors import ExportError, cannot_write, reason
from .observe import shown
from .subject import Subject
from .trials import to_compile
from .values import Value, copy_of

# As docs/onnx.md of the daemon says.
CONFIG_PROPERTY = "modeld.config"
OLDEST_OPSET = 13
NEWEST_LEGACY_OPSET = 17  # of the exporter that traces; newer ones are made by torch.export
DEFAULT_OPSET = 18


def _import() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ExportError(
            f"ONNX needs the package {error.name}; pip install 'modeld-export[onnx]'"
        ) from error
    return onnx


def newest_opset() -> int:
    return int(_import().defs.onnx_opset_version())


def opset_for(module: nn.Module, axes: Axes) -> int:
    """The one that is taken where the user names none. The exporter of newer ones takes a recurrent layer's
    number of steps for a constant, or for the batch (PyTorch 2.13)."""
    recurrent = [part for part in module.modules() if isinstance(part, nn.RNNBase)]
    free = [axis for dynamic in axes.names.values() for axis in dynamic]
    steps = any(free) or any(not part.batch_first for part in recurrent)
    return NEWEST_LEGACY_OPSET if recurrent and free and steps else DEFAULT_OPSET


def check_opset(opset: int) -> None:
    newest = newest_opset()
    if not isinstance(opset, int) or not OLDEST_OPSET <= opset <= newest:
        raise ExportError(f"opset is {opset!r}, expected {OLDEST_OPSET} to {newest}, the newest of this onnx")


def _cause(error: BaseException) -> BaseException:
    """The first error: the exporter's own say that there was one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _check_arguments(subject: Subject) -> None:
    others = [name for name, value in subject.call.arguments.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ExportError(
            f"an ONNX graph takes tensors, but {', '.join(map(repr, others))} of forward is none; "
            "export it as TorchScript, or give it its value in a module around this one"
        )
    twice = [name for name in subject.outputs if name in subject.call.arguments]
    if twice:
        raise ExportError(
            f"an output is called {twice[0]!r} as an input is, and an ONNX graph has each name once; "
            "give output_names"
        )


def save(subject: Subject, path: Path, opset: int = DEFAULT_OPSET) -> None:
    """One file with all weights, its config in the metadata properties. Golden samples lie beside it.

    Raises:
      ExportError: opset out of range, arguments that are no tensors, operators that the exporter does not
        know, or a graph that onnx.checker refuses.
    """
    onnx = _import()
    check_opset(opset)
    _check_arguments(subject)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # of what is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (_legacy if opset <= NEWEST_LEGACY_OPSET else _exported)(subject, path, opset)
    except ExportError:
        raise
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, OSError):
            raise cannot_write(path, cause) from error
        raise ExportError(
            f"it cannot be exported as ONNX: {reason(cause)}; write branches on data by "
            "torch.where, or export it scripted"
        ) from error
    model = onnx.load(str(path))
    _forget_sources(model.graph)
    _check_dimensions(model.graph, subject)
    config = with_labels_inside(subject.config, subject.labels)
    onnx.helper.set_model_props(model, {CONFIG_PROPERTY: json.dumps(config, ensure_ascii=False)})
    try:
        onnx.checker.check_model(model, full_check=True)  # shapes are inferred
    except Exception as error:
        raise ExportError(f"onnx.checker refuses what was exported: {reason(error)}") from error
    try:
        onnx.save_model(model, str(path), save_as_external_data=False)
    except OSError as error:
        raise cannot_write(path, error) from error


def _check_dimensions(graph: Any, subject: Subject) -> None:
    """What the config says a caller chooses, the graph may not have for a constant."""
    for part in graph.input:
        dims = part.type.tensor_type.shape.dim
        for axis, axis_name in subject.axes.names.get(part.name, {}).items():
            if axis < len(dims) and dims[axis].HasField("dim_value"):
                raise ExportError(
                    f"the graph takes {axis_name} of {dims[axis].dim_value} only, in dimension {axis} of "
                    f"{part.name!r}; leave it out of `dynamic`, take opset {NEWEST_LEGACY_OPSET}, or "
                    "export it scripted"
                )


def _forget_sources(graph: Any) -> None:
    """The exporter writes where each operator stands in its author's files."""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]


def _legacy(subject: Subject, path: Path, opset: int) -> None:
    dynamic = {name: dict(axes) for name, axes in subject.axes.names.items()}
    for spec in subject.config.get("outputs", []):
        axes = {
            axis: f"{spec['name']}_{axis}" for axis, size in enumerate(spec.get("shape", [])) if size == -1
        }
        if axes:
            dynamic[spec["name"]] = axes
    torch.onnx.export(
        subject.module,
        copy_of(subject.call.positional),
        str(path),
        dynamo=False,
        opset_version=opset,
        input_names=list(subject.call.arguments),
        output_names=list(subject.outputs),
        dynamic_axes=dynamic,
    )


def dynamic_shapes(subject: Subject) -> tuple[Any, ...]:
    """As torch.export takes them: by argument, in order."""
    dims = {
        name: torch.export.Dim(name, min=1) for axes in subject.axes.names.values() for name in axes.values()
    }
    return tuple(
        {axis: dims[axis_name] for axis, axis_name in subject.axes.names.get(name, {}).items()} or None
        for name in subject.call.arguments
    )


# Of sizes that come to 1 somewhere, which broadcasts, or that are too few for a layer: those are tried.
_AT_THE_EDGE = re.compile(r"generated guard (.* != 1|\d+ <= .* <= IntInfinity\(\))\.?$")


def _check_constraints(subject: Subject) -> None:
    """The ONNX exporter gives way where torch.export refuses a size that it took for granted: it tries again
    with that size for the only one, or loses the branch."""
    if not subject.axes.names:
        return
    try:
        torch.export.export(
            subject.module,
            to_compile(subject.call, subject.axes).positional,
            dynamic_shapes=dynamic_shapes(subject),
        )
    except Exception as error:
        # Of a size that is taken for a constant the graph tells itself; the exporter knows recurrent layers,
        # of which torch.export does not know that they take any number of steps.
        violations = [line.strip() for line in str(error).splitlines() if "Not all values" in line]
        if any(not _AT_THE_EDGE.search(line) for line in violations):
            raise ExportError(f"forward takes another way for other sizes: {violated(error)}") from error


def violated(error: BaseException) -> str:
    """Of torch.export's message the constraints, and what to do."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    said = next((line for line in lines if line.startswith(("Not all", "You marked"))), lines[0])
    return (
        f"{shown(said, 300)}; export it scripted, or compute without a branch on the size, or leave the "
        "dimension out of `dynamic`"
    )


def _exported(subject: Subject, path: Path, opset: int) -> None:
    program = torch.onnx.export(
        subject.module,
        to_compile(subject.call, subject.axes).positional,
        dynamo=True,
        opset_version=opset,
        input_names=list(subject.call.arguments),
        output_names=list(subject.outputs),
        dynamic_shapes=dynamic_shapes(subject),
        verbose=False,
    )
    assert program is not None
    # After it: the exporter takes a recurrent layer for one of any number of steps only in a process in which
    # torch.export has not met one before (PyTorch 2.13).
    _check_constraints(subject)
    program.save(str(path), external_data=False)


def load(path: Path, threads: int = 0, by_name: bool = False) -> Callable[..., Value]:
    """Runs it in ONNX Runtime: tensors in, in order; a tensor or a tuple of them out, or all by name."""
    _import()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what it raises is told by who called
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]
    output_names = [result.name for result in session.get_outputs()]

    def call(*arguments: torch.Tensor) -> Value:
        # What the graph does not use is not among its inputs.
        feeds = {
            name: value.contiguous().numpy() for name, value in zip(call_names, arguments) if name in names
        }
        results = [torch.from_numpy(array.copy()) for array in session.run(None, feeds)]
        if by_name:
            return dict(zip(output_names, results))
        return results[0] if len(results) == 1 else tuple(results)

    call_names = argument_names(path) or names
    return call


def argument_names(path: Path) -> list[str]:
    """forward's arguments by the config that the file carries: also those that the graph does not use."""
    onnx = _import()
    model = onnx.load(str(path), load_external_data=False)
    for entry in model.metadata_props:
        if entry.key == CONFIG_PROPERTY:
            return [spec["name"] for spec in json.loads(entry.value).get("inputs", [])]
    return []
