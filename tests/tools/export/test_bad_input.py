"""What cannot be exported is refused by name, with the remedy, and leaves nothing behind."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any

import export_modules as modules
import pytest
import torch

from modeld_export import ExportError, Tolerance, export
from modeld_export.checks import check_torch

X = torch.rand(2, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "My Model"}, "try 'my-model'"),
        ({"name": ""}, "try 'model'"),
        ({"name": "a" * 129}, "1 to 128"),
        ({"version": "1 0"}, "version is '1 0'"),
        ({"version": 1.0}, "write '1.0'"),
        ({"formats": ["tensorrt"]}, "format 'tensorrt' is not known"),
        ({"formats": ["onnx"], "opset": 12}, "opset is 12, expected 13 to"),
        ({"formats": ["onnx"], "opset": 999}, "the newest of this onnx"),
        ({"dynamic": {"y": {0: "batch"}}}, "dynamic names the input 'y'"),
        ({"dynamic": {"x": {2: "batch"}}}, "dynamic names dimension 2"),
        ({"dynamic": {"x": {0: "a", 1: "a"}}}, "give it a name of its own"),
        ({"labels": {"output": ["a", "b"]}}, "2 labels for 'output', whose last dimension is 3"),
        ({"labels": {"logits": ["a"]}}, "labels are for 'logits'"),
        ({"config": {"batchin": {}}}, "config has 'batchin'"),
        ({"output_names": ["a", "b"]}, "output_names are 2"),
        ({"output_names": ["a", "a"]}, "output_names has 'a' twice"),
        ({"output_names": [""]}, "output_names has ''"),
        ({"formats": []}, "formats is empty"),
        ({"formats": "onnx"}, r"write \['onnx'\]"),
        ({"name": 7}, "name is 7, expected a string"),
        ({"config": {"name": "../../x"}}, r"name is '\.\./\.\./x'"),
        ({"config": {"version": "../1"}}, r"version is '\.\./1'"),
        ({"formats": [None]}, "format None is not known"),
        ({"formats": ["traced", "traced"]}, "formats has 'traced' twice"),
        ({"formats": ["onnx"], "opset": "18"}, "opset is '18'"),
        ({"dynamic": {"x": [0]}}, "expected as"),
        ({"dynamic": {"x": {0: "batch size"}}}, "expected a name of letters"),
        ({"dynamic": {"x": {"0": "batch"}}}, "dynamic names dimension '0'"),
        ({"labels": ["a"]}, "labels is a list, expected a mapping"),
        ({"labels": {"output": ["a\nb", "c", "d"]}}, r"have 'a\\nb', expected strings of one line"),
        ({"labels": {"output": [1, 2, 3]}}, "have 1, expected strings"),
        ({"config": [1]}, r"config is \[1\], expected an object"),
        ({"config": {"batching": 7}}, r"config\['batching'\] is 7, expected an object"),
        (
            {"config": {"batching": {"max_batchsize": 3}}},
            r"config\['batching'\] has 'max_batchsize'.*expected some of max_batch_size",
        ),
        ({"config": {"batching": {"max_batch_size": "8"}}}, "is '8', expected an integer"),
        ({"config": {"batching": {"max_batch_size": True}}}, "is True, expected an integer"),
        ({"config": {"batching": {"preferred_batch_sizes": [1.5]}}}, r"\[0\] is 1\.5, expected an integer"),
        ({"config": {"postprocess": {"output": {"softmx": True}}}}, "has 'softmx'"),
        ({"config": {"metadata": {"loss": math.nan}}}, r"\['loss'\] is nan, expected a finite number"),
        ({"config": {"metadata": {"loss": object()}}}, "is object, expected what JSON has"),
        ({"tolerance": 1e-3}, r"tolerance is 0\.001, expected modeld_export\.Tolerance"),
        ({"tolerance": Tolerance(rtol=math.nan)}, "rtol nan, expected a finite number"),
        ({"tolerance": Tolerance(atol=math.inf)}, "atol inf"),
        ({"tolerance": Tolerance(atol=-1)}, "atol -1"),
    ],
)
def test_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    arguments = {"name": "m", "version": "1.0", **options}
    with pytest.raises(ExportError, match=message):
        export(modules.Linear().eval(), X, directory=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X, X), "example_inputs are 2 values, but forward\\(x"),
        ((), "example_inputs lack 'x'"),
        (X.numpy(), r"write torch\.from_numpy"),
        ({"y": X}, "example_inputs name 'y'"),
        (torch.rand(2, 5), "forward raised RuntimeError on the example inputs"),
    ],
)
def test_example_inputs(tmp_path: Path, inputs: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        export(modules.Linear().eval(), inputs, name="m", version="1.0", directory=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_argument_before_one_that_is_given_is_left_out() -> None:
    with pytest.raises(ExportError, match="leave out 'flag'"):
        export(Skipping().eval(), {"x": X, "scale": 2.0}, name="m", version="1.0")


class Skipping(torch.nn.Module):
    def forward(self, x: torch.Tensor, flag: bool = False, scale: float = 1.0) -> torch.Tensor:
        return x * scale


def test_arguments_without_names() -> None:
    with pytest.raises(ExportError, match="give forward named arguments"):
        export(modules.Variadic().eval(), X, name="m", version="1.0")


def test_what_is_no_module() -> None:
    with pytest.raises(ExportError, match=r"expected torch\.nn\.Module"):
        export(lambda x: x, X, name="m", version="1.0")  # type: ignore[arg-type]


def test_an_old_torch() -> None:
    check_torch("2.1.0")
    with pytest.raises(ExportError, match=r"torch is 2\.0\.1\+cpu, expected at least 2\.1"):
        check_torch("2.0.1+cpu")


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be made"):
        export(modules.Linear().eval(), X, name="m", version="1.0", directory=tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_without_write_access(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="cannot be written to"):
        export(modules.Linear().eval(), X, name="m", version="1.0", directory=tmp_path)


def test_a_directory_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ExportError, match="cannot be written to"):
        export(modules.Linear().eval(), X, name="m", version="1.0", directory=tmp_path)


def test_a_refused_artifact_leaves_nothing(exported: Any, tmp_path: Path) -> None:
    made = exported(modules.Branch(), X)
    assert not made.ok
    assert not list((tmp_path / "out").iterdir())


class Splits(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x, x + 1]


@pytest.mark.parametrize(
    ("module", "inputs", "format", "message"),
    [
        (modules.Flagged(), (X, True), "traced", "a trace takes tensors, but 'flag'"),
        (modules.Flagged(), (X, True), "onnx", "an ONNX graph takes tensors"),
        (modules.Untyped(), X, "scripted", "cannot be scripted"),
        (modules.Branch(), X, "int8", "has none; leave the format out"),
        (Splits(), X, "bf16", "a tuple or dictionary of them"),
    ],
)
def test_a_format_that_the_module_does_not_have(
    exported: Any, module: torch.nn.Module, inputs: Any, format: str, message: str
) -> None:
    if isinstance(module, modules.Untyped):
        with pytest.raises(ExportError, match="forward raised TypeError"):
            exported(module, inputs, [format])
        return
    (artifact,) = exported(module, inputs, [format]).artifacts
    assert artifact.path is None
    assert message in str(artifact.findings[0])


def test_a_disk_that_takes_no_directory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("modeld_export.exporter.tempfile.mkdtemp", full)
    (artifact,) = export(modules.Linear().eval(), X, name="m", version="1", directory=tmp_path).artifacts
    assert "m-1.scripted.pt cannot be written: No space left" in str(artifact.findings[0])


def test_a_refused_export_leaves_no_artifact_of_an_earlier_run(tmp_path: Path) -> None:
    for module, ok in ((modules.Linear(), True), (modules.Branch(), False)):
        made = export(module.eval(), X, name="m", version="1", directory=tmp_path, formats=["traced"])
        assert made.ok == ok
    assert not list(tmp_path.iterdir())


def raises(_: Any, __: Any) -> float:
    return 1 / 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": raises}, r"metric 'raises' raised ZeroDivisionError on pair 0 of validation: division"),
        ({"metric": lambda *_: None}, "metric '<lambda>' raised TypeError"),
        ({"validation": [X]}, r"validation has Tensor at 0, expected \(inputs, target\) pairs"),
        ({"validation": [(X, 1, 2)]}, "validation has 3 values at 0"),
        ({"validation": [(torch.rand(2, 5), 1)]}, "forward raised RuntimeError on input 0 of validation"),
        ({"validation": 5}, "validation is 5, expected a list"),
        ({"validation": [(X.numpy(), 1)]}, "'x' is given as a NumPy array"),
        ({"metric": lambda *_: math.nan}, "metric '<lambda>' is nan on pair 0"),
        ({"more_inputs": 5}, "more_inputs is 5, expected a list"),
        ({"output_names": 5}, "output_names is 5, expected a list"),
        ({"more_inputs": X}, r"more_inputs is a Tensor.*write \[more_inputs\]"),
    ],
)
def test_what_is_compared_on(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    arguments = {"validation": [(X, torch.tensor([0, 1]))], "formats": ["int8"], **options}
    with pytest.raises(ExportError, match=message):
        export(modules.Linear().eval(), X, name="m", version="1", directory=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_metric_that_raises_on_the_files_answers_loses_no_file(exported: Any) -> None:
    calls: list[int] = []

    def raises_later(*_: Any) -> float:
        calls.append(1)
        return 1 / (2 - len(calls))

    made = exported(modules.Linear(), X, ["int8"], validation=[(X, 0)], metric=raises_later)
    (finding,) = made.artifact("int8").findings
    assert finding.kind == "accuracy"
    assert "metric 'raises_later' raised ZeroDivisionError" in finding.message
    assert made.ok


def test_another_default_dtype_than_the_daemons(tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ExportError, match=r"torch\.set_default_dtype\(torch\.float32\) first"):
            export(modules.Linear().eval(), X, name="m", version="1", directory=tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    made = export(
        modules.Linear().eval(), X, name="m", version="1", directory=tmp_path, formats=["scripted", "pt2"]
    )
    for artifact in made.artifacts:
        (finding,) = artifact.findings
        assert finding.kind == "disk"
        assert "m-1." in finding.message
        assert "No space left on device; free some space" in finding.message
    assert not list(tmp_path.iterdir())
