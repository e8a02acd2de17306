"""Engines measured each in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import export_modules as modules
import pytest
import torch

from modeld_export import ExportError, compare_engines
from modeld_export.calls import bind
from modeld_export.engines import EngineResult, engines_for, fastest
from modeld_export.measure import main, measure

X = torch.rand(2, 4)


def test_every_engine_of_every_file(exported: Any) -> None:
    made = exported(modules.Linear(), X, ["scripted", "onnx"])
    paths = [artifact.path for artifact in made.artifacts]
    results = compare_engines(paths, bind(modules.Linear(), X), seconds=0.05)
    assert [result.engine for result in results] == ["torchscript", "onnxruntime", "openvino", "tensorrt"]
    for result in results[:3]:
        assert not result.why_not
        assert 0 < result.p50_ms <= result.p99_ms
        assert result.peak_mib >= 0
    assert results[3].why_not == "no GPU here"
    assert fastest(results) in results[:3]
    assert fastest(results[3:]) is None


def test_in_this_process(exported: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = exported(modules.Linear(), X, ["scripted", "onnx", "pt2"])
    for engine, format in (
        ("torchscript", "scripted"),
        ("onnxruntime", "onnx"),
        ("openvino", "onnx"),
        ("aotinductor", "pt2"),
    ):
        assert measure(engine, made.artifact(format).path, [X], 1, 0.01)["p50_ms"] > 0
    torch.save([X], tmp_path / "inputs.pt")
    assert (
        main(["torchscript", str(made.artifact("scripted").path), str(tmp_path / "inputs.pt"), "1", "0.01"])
        == 0
    )
    assert "p50_ms" in capsys.readouterr().out


def test_one_that_does_not_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.pt").write_bytes(b"no archive")
    call = bind(modules.Linear(), X)
    (result,) = compare_engines([tmp_path / "broken.pt"], call, seconds=0.01)
    assert result.p50_ms is None
    assert result.why_not

    def late(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("measure", 1)

    monkeypatch.setattr(subprocess, "run", late)
    (result,) = compare_engines([tmp_path / "broken.pt"], call)
    assert result.why_not.startswith("not done after")


def test_files_that_no_engine_runs() -> None:
    assert engines_for(Path("m.pt2")) == ("aotinductor",)
    with pytest.raises(ExportError, match="none of"):
        engines_for(Path("m.h5"))


def test_results_without_figures() -> None:
    assert fastest([EngineResult("a", "f")]) is None
