"""export(): from a module to its artifacts."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

import torch
from torch import nn

from . import checks, onnx_model, package, precision, torchscript
from .axes import Axes, Dynamic, axes_of
from .calls import Call, bind, name_outputs
from .compiled import bounds
from .config import make_config, with_ragged, with_tolerance
from .differences import Tolerance
from .errors import ExportError, WriteError, cannot_write, is_of_the_disk, reason
from .observe import line_of, observe
from .parity import Metric, answers, mean_metric, run_fresh, top_1, try_all
from .ready import check_example, check_ready
from .result import Accuracy, Artifact, Export, Finding, Severity, Trial
from .rows import check_rows
from .sizes import settle
from .state import copied
from .subject import Subject
from .traces import check_raises_nothing, trace_twice
from .trials import other_call
from .values import Value

FORMATS = ("traced", "scripted", "onnx", "pt2", "int8", "bf16")
# What numbers of fewer digits may be off by, where the user says nothing.
COARSE = Tolerance(rtol=0.05, atol=0.05)


@dataclass(frozen=True)
class _Made:
    """A file in the making."""

    run: Any  # called as the module is
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Options:
    asked: Axes  # before those were left out along which the module takes no other size
    more: tuple[Call, ...]
    validation: tuple[tuple[Call, Any], ...]
    metric: Metric
    accuracy: float | None  # the module's own on the validation set
    opset: int | None
    coarse: Tolerance
    gives_tolerance: bool  # the user does: then it stands in the config


def export(
    module: nn.Module,
    example_inputs: Value,
    *,
    name: str,
    version: str,
    directory: str | os.PathLike[str] = ".",
    formats: Sequence[str] = ("scripted",),
    dynamic: Dynamic | None = None,
    output_names: Sequence[str] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
    config: Mapping[str, Any] | None = None,
    tolerance: Tolerance | None = None,
    more_inputs: Iterable[Value] = (),
    validation: Iterable[tuple[Value, Any]] = (),
    metric: Metric = top_1,
    opset: int | None = None,
) -> Export:
    """Writes `NAME-VERSION.FORMAT.pt` (or `.onnx`, `.pt2`) for each format, with config, golden sample,
    labels and environment inside, and compares each with the module.

    Args:
      module: in evaluation mode, on the CPU. It stays as it is.
      example_inputs: a tensor; a tuple of forward's arguments; or a mapping of them by name.
      name, version: as clients and the registry call it.
      formats: of "traced", "scripted", "onnx", "pt2", "int8", "bf16".
      dynamic: by input and dimension, what a size that callers choose is called: {"x": {0: "batch", 2:
        "height"}}. By default the first dimension of every tensor of two or more.
      output_names: of the outputs, in order. By default as the daemon calls them.
      labels: by output, the names of its classes.
      config: more of config.json: batching, preprocess, execution, … It goes over what is inferred.
      tolerance: how far outputs may be off; by default 1e-4 relative, 1e-5 absolute, and 0.05 both for int8
      and bf16.
      more_inputs: more calls to compare on, each as example_inputs.
      validation: (inputs, target) pairs; int8 and bf16 say by how much `metric` changes on them.
      metric: of what the module returns and a target; larger is better. By default the share of rows whose
        highest class is the target.
      opset: of ONNX, 13 to the newest. By default 18, and 17 for recurrent layers of any number of steps.

    Returns:
      What came of it. An artifact with an error among its findings, or that is beyond tolerance, has no file.

    Raises:
      ExportError: it was asked for what cannot be: nothing was written.
    """
    checks.check_torch()
    checks.check_default_dtype()
    checks.check_name(name)
    checks.check_version(version)
    checks.check_config(config or {})
    checks.check_formats(formats, FORMATS)
    checks.check_output_names(output_names)
    checks.check_labels(labels or {})
    if not isinstance(module, nn.Module):
        raise ExportError(
            f"module is {type(module).__name__}, expected torch.nn.Module; wrap the function in one"
        )
    if tolerance is not None:
        checks.check_tolerance(tolerance)
    checks.check_evaluation(module)
    check_ready(module)
    call = bind(module, example_inputs)
    check_example(call)
    axes = axes_of(call, dynamic)
    if "onnx" in formats and opset is not None:
        onnx_model.check_opset(opset)
    more_inputs = checks.as_calls(more_inputs)
    target = Path(directory)
    checks.check_directory(target)

    result, findings = observe(module, call)
    module = copied(module)  # exporters run it as well
    outputs = name_outputs(result, output_names)
    asked = axes
    axes, of_sizes = settle(module, call, asked)
    findings += of_sizes
    # Which sizes of the outputs change with the inputs'.
    try:
        others = name_outputs(run_fresh(module, other_call(call, axes)), output_names) if axes.names else None
    except Exception:
        others = None
    made_config = make_config(
        name, version, call, axes, outputs, others if axes.names else outputs, labels, config
    )
    if axes.names and others is None:
        made_config.pop("outputs", None)
    if "outputs" not in (config or {}):
        for answer in answers(module, call, axes, output_names):
            made_config = with_ragged(made_config, answer)
    if "batching" in made_config:
        findings += check_rows(module, call, axes, output_names, tolerance or Tolerance())
    if tolerance is not None:
        made_config = with_tolerance(made_config, tolerance, outputs)
    subject = Subject(
        module=module,
        call=call,
        axes=axes,
        outputs=outputs,
        output_names=tuple(output_names),
        config=made_config,
        labels=dict(labels or {}),
        tolerance=tolerance or Tolerance(),
    )
    pairs = _validation(module, validation)
    measured = bool(pairs) and any(format in ("int8", "bf16") for format in formats)
    options = _Options(
        asked=asked,
        more=tuple(_given(module, inputs) for inputs in more_inputs),
        validation=pairs,
        metric=metric,
        # Before minutes of exporting: the metric is the user's own.
        accuracy=mean_metric(module, pairs, metric) if measured else None,
        opset=opset,
        coarse=tolerance or COARSE,
        gives_tolerance=tolerance is not None,
    )
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    artifacts = tuple(
        _refused(subject, format, target, errors[0])
        if errors
        else _artifact(subject, format, target, options)
        for format in formats
    )
    return Export(name, version, made_config, artifacts, findings)


def _given(module: nn.Module, inputs: Value) -> Call:
    call = bind(module, inputs)
    check_example(call)
    return call


def _validation(module: nn.Module, validation: Iterable[tuple[Value, Any]]) -> tuple[tuple[Call, Any], ...]:
    pairs = []
    for index, pair in enumerate(checks.as_list(validation, "validation", "(inputs, target) pairs")):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            given = f"{len(pair)} values" if isinstance(pair, (tuple, list)) else type(pair).__name__
            raise ExportError(f"validation has {given} at {index}, expected (inputs, target) pairs")
        pairs.append((_given(module, pair[0]), pair[1]))
    return tuple(pairs)


def _file_name(subject: Subject, format: str) -> str:
    stem = f"{subject.config['name']}-{subject.config['version']}"
    return f"{stem}.{format}" if format in ("onnx", "pt2") else f"{stem}.{format}.pt"


@contextmanager
def _work_directory(target: Path) -> Iterator[Path]:
    """On the same file system, so that what is finished is moved, whole."""
    work = Path(tempfile.mkdtemp(prefix=".modeld-export-", dir=target))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refused(subject: Subject, format: str, target: Path, error: Finding) -> Artifact:
    """Of a module with an error: no file of it could be right."""
    checks.remove_earlier(target / _file_name(subject, format))
    finding = Finding("module", Severity.ERROR, f"not made, for {error.kind!r} of the module", error.where)
    return Artifact(format, None, subject.tolerance, findings=(finding,))


def _artifact(subject: Subject, format: str, target: Path, options: _Options) -> Artifact:
    tolerance = options.coarse if format in ("int8", "bf16") else subject.tolerance
    checks.remove_earlier(target / _file_name(subject, format))
    name = _file_name(subject, format)
    try:
        # Exporters run forward as well; what it prints is said once.
        with _work_directory(target) as work, redirect_stdout(io.StringIO()):
            return _held_to_module(subject, format, work / name, tolerance, options, target)
    except Exception as error:  # of this format: the others are made all the same
        return Artifact(format, None, tolerance, findings=(_not_made(error, format, target / name),))


def _not_made(error: Exception, format: str, file: Path) -> Finding:
    if isinstance(error, OSError) and is_of_the_disk(error):
        error = cannot_write(file, error)
    if isinstance(error, ExportError):
        kind = "disk" if isinstance(error, WriteError) else "export"
        return Finding(kind, Severity.ERROR, str(error))
    return Finding(
        "export",
        Severity.ERROR,
        f"it cannot be exported as {format}: {type(error).__name__}: {reason(error)}; {_REMEDY[format]}",
    )


# Where an exporter, or what it made, raised what it does not explain.
_REMEDY = {
    **dict.fromkeys(FORMATS, "leave the format out, or try another"),
    "bf16": "its constants and containers of tensors stay as they are: make them of x's dtype, "
    "or leave the format out",
    "int8": "take parametrizations off, and weights in float32; or leave the format out",
}


def _held_to_module(
    subject: Subject, format: str, path: Path, tolerance: Tolerance, options: _Options, target: Path
) -> Artifact:
    made = _MAKERS[format](subject, path, options)
    trials, not_taken = try_all(
        subject.module,
        made.run,
        subject.call,
        subject.axes,
        options.more,
        subject.output_names,
        tolerance,
        # Which is the golden sample's, too, that the daemon compares.
        replace(tolerance, scaled=options.gives_tolerance or format in ("int8", "bf16")),
    )
    findings = (*made.findings, *_parity_findings(trials, tolerance))
    artifact = Artifact(format, None, tolerance, trials, findings, not_taken=not_taken)
    if options.accuracy is not None and format in ("int8", "bf16"):
        artifact = _with_accuracy(artifact, made.run, options, options.accuracy)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return artifact
    return replace(artifact, path=_move_in(path.parent, path.name, target))


def _with_accuracy(artifact: Artifact, runs: Any, options: _Options, of_module: float) -> Artifact:
    try:
        measured = mean_metric(runs, options.validation, options.metric)
    except ExportError as error:  # on its answers, where the module's own were measured
        finding = Finding("accuracy", Severity.WARNING, f"it is not known: {error}")
        return replace(artifact, findings=(*artifact.findings, finding))
    return replace(artifact, accuracy=Accuracy(of_module, measured))


def _parity_findings(trials: Sequence[Trial], tolerance: Tolerance) -> tuple[Finding, ...]:
    """One of all inputs beyond tolerance, and one for each other cause: it commonly shows on many inputs."""
    causes: dict[str, list[str]] = {}
    said: dict[str, str] = {}  # by what differs only in sizes, what was said first
    for trial in trials:
        if not trial.passed and trial.difference is None:
            text = said.setdefault(re.sub(r"\d+", "#", trial.error), trial.error)
            causes.setdefault(text, []).append(trial.name)
    beyond = [(each.name, each.difference) for each in trials if each.difference and not each.passed]
    if beyond:
        name, first = beyond[0]
        others = f"; and on {', '.join(other for other, _ in beyond[1:])}" if len(beyond) > 1 else ""
        text = (
            f"{first.beyond} of {first.compared} elements are beyond tolerance (rtol {tolerance.rtol:g}, "
            f"atol {tolerance.atol:g}), {first.worst} by {first.max_absolute:.3g}{others}"
        )
        causes[text] = [name]
    return tuple(
        Finding("parity", Severity.ERROR, f"on {', '.join(names)}: {text}") for text, names in causes.items()
    )


def _move_in(work: Path, name: str, target: Path) -> Path:
    """The finished file, and before it what lies beside it: never is a file there without its samples."""
    for beside in sorted(work.iterdir()):
        if beside.name != name and beside.name.startswith(name):
            place = target / beside.name
            if place.is_dir():
                shutil.rmtree(place)
            os.replace(beside, place)
    os.replace(work / name, target / name)
    return target / name


def _traced(subject: Subject, path: Path, options: _Options) -> _Made:
    traced, findings = trace_twice(subject.module, subject.call, options.asked)
    torchscript.save(traced, path, subject.extra_files())
    return _Made(torchscript.load(path), findings)


def _scripted(subject: Subject, path: Path, _: _Options) -> _Made:
    scripted = torchscript.script(subject.module)
    findings = []
    if torchscript.writes_state(scripted):
        findings.append(
            Finding(
                "side-effect",
                Severity.WARNING,
                "forward assigns to an attribute; the daemon gives each request the module as it was loaded",
                line_of(subject.module),
            )
        )
    raising = torchscript.raises_in(subject.module)
    if raising:
        findings.append(
            Finding(
                "unused",
                Severity.WARNING,
                f"{', '.join(raising)}: marked by torch.jit.unused, and raises where the file calls it",
                line_of(subject.module),
            )
        )
    torchscript.save(scripted, path, subject.extra_files())
    return _Made(torchscript.load(path), tuple(findings))


def _onnx(subject: Subject, path: Path, options: _Options) -> _Made:
    findings: tuple[Finding, ...] = ()
    opset = options.opset or onnx_model.opset_for(subject.module, subject.axes)
    if opset <= onnx_model.NEWEST_LEGACY_OPSET:
        check_raises_nothing(subject.module, subject.call)
    onnx_model.save(subject, path, opset)
    samples = path.with_name(path.name + ".golden")
    samples.mkdir()
    (samples / "0").write_bytes(subject.extra_files()["golden/0"])
    if opset <= onnx_model.NEWEST_LEGACY_OPSET:  # which traces as well
        _, findings = trace_twice(subject.module, subject.call, subject.axes)
    if options.opset is None and opset != onnx_model.DEFAULT_OPSET:
        why = (
            f"opset {opset} was taken, not {onnx_model.DEFAULT_OPSET}, whose exporter knows no recurrent "
            "layers of any number of steps; `opset` says another"
        )
        findings = (*findings, Finding("opset", Severity.WARNING, why))
    return _Made(onnx_model.load(path, by_name=True), findings)


def _package(subject: Subject, path: Path, _: _Options) -> _Made:
    package.save(subject, path)
    limited = bounds(path, list(subject.call.arguments))
    findings = [
        Finding(
            "sizes",
            Severity.WARNING,
            f"it was compiled for these sizes only, and the daemon refuses others: "
            f"{', '.join(str(each) for each in limited)}; export another format where requests are larger",
        )
    ]
    return _Made(package.load(path), tuple(findings) if limited else ())


def _other_precision(subject: Subject, path: Path, scripted: torch.jit.ScriptModule) -> _Made:
    """Its golden sample is what it answers itself: the daemon has to reproduce this file."""
    own = name_outputs(run_fresh(scripted, subject.call), subject.output_names)
    torchscript.save(scripted, path, subject.extra_files(own))
    return _Made(torchscript.load(path))


def _int8(subject: Subject, path: Path, _: _Options) -> _Made:
    findings = []
    if "batching" in subject.config:
        config = {key: value for key, value in subject.config.items() if key != "batching"}
        subject = replace(subject, config=config)
        findings.append(
            Finding(
                "batching",
                Severity.WARNING,
                "activations of eight bits are scaled by the largest of a whole batch: a row's answer "
                "depends "
                "on the others; batching is left out of this file's config",
            )
        )
    made = _other_precision(subject, path, precision.quantized(subject.module))
    return replace(made, findings=tuple(findings))


def _bf16(subject: Subject, path: Path, _: _Options) -> _Made:
    result = run_fresh(subject.module, subject.call)
    return _other_precision(subject, path, precision.bfloat16(subject.module, subject.call, result))


_MAKERS: dict[str, Callable[[Subject, Path, _Options], _Made]] = {
    "traced": _traced,
    "scripted": _scripted,
    "onnx": _onnx,
    "pt2": _package,
    "int8": _int8,
    "bf16": _bf16,
}
