"""What people read of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import export_modules as modules
import torch

from modeld_export.differences import Tolerance
from modeld_export.engines import EngineResult
from modeld_export.report import as_markdown, as_text, engine_rows
from modeld_export.result import Artifact, Export, Finding, Severity, Trial


def _export(*trials: Trial, finding: str = "it is wrong") -> Export:
    artifact = Artifact(
        "onnx", None, Tolerance(), trials, (Finding("branch", Severity.ERROR, finding, "net.py:3"),)
    )
    return Export("m", "1", {}, (artifact,))


def test_findings_are_told_by_the_codes_that_the_documentation_lists() -> None:
    assert "onnx: error [branch]: it is wrong (net.py:3)" in as_text(_export())


def test_what_was_not_compared_has_no_error_of_zero() -> None:
    text = as_text(_export(Trial("example", None, False, "raises ValueError")))
    assert "0 of 1" in text
    assert "onnx    -     -        -" in text


def test_markup_in_names_and_prints_is_text_in_markdown() -> None:
    markdown = as_markdown(_export(Trial("n<b>|`c`\nZ=3", None, False), finding="prints <script>\n| x"))
    assert "| n&lt;b&gt;\\|\\`c\\` Z=3 |" in markdown
    assert "<script>" not in markdown
    assert "&lt;script&gt; \\| x" in markdown


def test_memory_below_a_mib_is_no_zero() -> None:
    assert engine_rows([EngineResult("torchscript", "m.pt", peak_mib=0.0)])[1][5] == "<1"


def test_the_repr_of_an_export_is_short(exported: Any, tmp_path: Path) -> None:
    assert len(repr(exported(modules.Linear(), torch.rand(2, 4), ["traced"]))) < 2000
