"""What people read of an export."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import export_modules as modules
import pytest
import torch

from modeld_export import plots
from modeld_export.differences import Difference, Tolerance
from modeld_export.engines import EngineResult
from modeld_export.report import as_html, as_markdown, as_text, engine_rows
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
    assert re.search(r"^onnx +- +- +- +- +0 of 1 ", text, re.M)


def test_markup_in_names_and_prints_is_text_in_markdown() -> None:
    markdown = as_markdown(_export(Trial("n<b>|`c`\nZ=3", None, False), finding="prints <script>\n| x"))
    assert "| n&lt;b&gt;\\|\\`c\\` Z=3 |" in markdown
    assert "<script>" not in markdown
    assert "&lt;script&gt; \\| x" in markdown


def test_a_large_error_that_is_within_tolerance_is_told_as_a_share_of_it() -> None:
    large = Trial("large", Difference(max_absolute=40.9, max_relative=0.5, compared=8, used=0.62), True)
    text = as_text(_export(Trial("example", Difference(compared=8), True), large))
    assert re.search(r"40\.9 \(large\) +0\.5 +62 % ", text)
    assert "(onnx: rtol 0.0001, atol 1e-05)" in text


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.0123, "1.2 %"), (1.0, "100 %"), (1.001, "101 %"), (math.inf, "beyond")],
)
def test_what_is_beyond_tolerance_is_more_than_all_of_it(share: float, said: str) -> None:
    difference = Difference(max_absolute=1.0, compared=8, used=share)
    assert f"| {said} |" in as_markdown(_export(Trial("example", difference, share <= 1)))


def test_inputs_that_the_module_does_not_take_are_told_with_their_reason(exported: Any) -> None:
    made = exported(modules.OnlyEven(), torch.rand(2, 4), ["traced", "scripted"])
    for said in (as_text(made), as_markdown(made), as_html(made)):
        assert re.search(r"\d inputs are not taken by the module itself: batch=1, .*: AssertionError", said)


def test_without_memory_to_show_there_is_no_panel_of_it() -> None:
    result = EngineResult("torchscript", "m.pt", 1.0, 2.0, 3.0, peak_mib=0.0)
    assert "MiB" not in plots.engines([result])
    assert "MiB" in plots.engines([replace(result, peak_mib=2.0)])


def test_memory_below_a_mib_is_no_zero() -> None:
    assert engine_rows([EngineResult("torchscript", "m.pt", peak_mib=0.0)])[1][5] == "<1"


def test_the_repr_of_an_export_is_short(exported: Any, tmp_path: Path) -> None:
    assert len(repr(exported(modules.Linear(), torch.rand(2, 4), ["traced"]))) < 2000
