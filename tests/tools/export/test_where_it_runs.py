"""Every format in every place where it is said to run, held to the module; and the table of docs/export.md to
that.

`MODELD_WRITE_DOCS=1 pytest tests/tools/export/test_where_it_runs.py` writes the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import export_modules
import places
import pytest
import torch
from programs import new_daemon

from modeld_export import export

DOCS = Path(__file__).parents[3] / "docs" / "export.md"
BEGIN, END = "<!-- where it runs -->\n", "<!-- end -->"
# Format, place, and how far it may be off.
RUNS = [
    *(
        (format, place, 1e-5)
        for format in ("traced", "scripted")
        for place in ("PyTorch", "LibTorch (C++)", "modeld")
    ),
    *(
        ("onnx", place, 1e-4)
        for place in ("ONNX Runtime", "OpenVINO", "onnxruntime-web (Chromium)", "modeld")
    ),
    *(("pt2", place, 1e-5) for place in ("PyTorch", "modeld")),
    *(("int8", place, 0.02) for place in ("PyTorch", "LibTorch (C++)", "modeld")),
    *(("bf16", place, 0.05) for place in ("PyTorch", "LibTorch (C++)", "modeld")),
]
Place = Callable[[Path, torch.Tensor], torch.Tensor]
seen: dict[tuple[str, str], float] = {}


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    with new_daemon(tmp_path_factory.mktemp("daemon")) as process:
        yield {
            "PyTorch": places.pytorch,
            "LibTorch (C++)": places.LibtorchProgram(tmp_path_factory.mktemp("cpp")),
            "ONNX Runtime": places.onnxruntime,
            "OpenVINO": places.openvino,
            "onnxruntime-web (Chromium)": places.onnxruntime_web,
            "modeld": places.Daemon(process),
        }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of each format, the same classifier."""
    torch.manual_seed(0)
    module = export_modules.Classifier().eval()
    made = {}
    for format in dict.fromkeys(format for format, _, _ in RUNS):
        exported = export(
            module,
            torch.rand(2, 1, 8, 8),
            name=f"classifier_{format}",
            version="1.0",
            formats=[format],
            directory=tmp_path_factory.mktemp(format),
            output_names=["logits"],
        )
        path = exported.artifact(format).path
        assert path is not None, exported
        made[format] = path
    return made


@pytest.mark.parametrize(("format", "place", "tolerance"), RUNS)
def test_it_runs(
    format: str, place: str, tolerance: float, everywhere: dict[str, Place], files: dict[str, Path]
) -> None:
    if "Chromium" in place and (places.browser() is None or not places.WEB_RUNTIME.is_dir()):
        pytest.skip("no Chromium, or no onnxruntime-web beside Python: run tools/setup/setup.sh")
    torch.manual_seed(0)
    module = export_modules.Classifier().eval()
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(x)
    difference = float((everywhere[place](files[format], x) - expected).abs().max())
    assert difference <= tolerance
    seen[format, place] = difference


def test_the_table_says_what_was_seen() -> None:
    rows = ["| format | where | off by at most |", "|---|---|---|"]
    rows += [f"| {format} | {place} | {tolerance:g} |" for format, place, tolerance in RUNS]
    text = DOCS.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    wanted = head + BEGIN + "\n" + "\n".join(rows) + "\n\n" + END + tail
    if os.environ.get("MODELD_WRITE_DOCS"):
        DOCS.write_text(wanted)
    assert text == wanted, "run it with MODELD_WRITE_DOCS=1"
    missing = [run for run in RUNS if run[:2] not in seen and "Chromium" not in run[1]]
    assert not missing, "of these nothing was seen in this run"
