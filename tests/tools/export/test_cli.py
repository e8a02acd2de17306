"""The command line, from recipe to report."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modeld_export import ExportError, Recipe
from modeld_export.cli import main
from modeld_export.recipe import load_recipe

RECIPE = """
import torch
from modeld_export import Recipe
from torch import Tensor, nn


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        {body}
        return self.layer(x)


def recipe() -> Recipe:
    return Recipe(Scale().eval(), torch.rand(2, 4), name="scale", version="1.0", formats={formats})
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "scale_recipe.py"
    path.write_text(RECIPE.format(body="x = x * 2", formats=["traced", "scripted", "onnx"]))
    return path


def test_run_writes_artifacts_and_a_report(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out", tmp_path / "report"
    assert main(["run", str(recipe), "--directory", str(out), "--report", str(report), "--engines"]) == 0
    printed = capsys.readouterr().out
    assert "scale-1.0.traced.pt" in printed
    assert "openvino" in printed
    assert "no GPU here" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "scale-1.0.onnx",
        "scale-1.0.onnx.golden",
        "scale-1.0.scripted.pt",
        "scale-1.0.traced.pt",
    ]
    markdown = (report / "report.md").read_text()
    assert "| traced | scale-1.0.traced.pt |" in markdown
    assert "## Engines" in markdown
    page = (report / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "src=" not in page
    assert "<link" not in page


def test_run_fails_where_an_artifact_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "branch_recipe.py"
    path.write_text(RECIPE.format(body="x = x * 2 if x.sum() > 0 else x", formats=["traced", "scripted"]))
    report = tmp_path / "report"
    assert main(["run", str(path), "--directory", str(tmp_path / "out"), "--report", str(report)]) == 1
    assert "branch_recipe.py:" in capsys.readouterr().out
    assert "## Findings" in (report / "report.md").read_text()
    assert "<h2>Findings</h2>" in (report / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function recipe"),
        ("def recipe(): return 7", "returns int, expected a modeld_export.Recipe"),
    ],
)
def test_what_is_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "no_recipe.py"
    path.write_text(text)
    with pytest.raises(ExportError, match=message):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nraise RuntimeError('no data')", r"bad\.py:2 raised RuntimeError: no data"),
        ("def recipe():\n    return 1 / 0", r"bad\.py:2 raised ZeroDivisionError"),
        ("x = (\n", r"bad\.py:1 raised SyntaxError"),
        ("import no_such_module", r"bad\.py:1 raised ModuleNotFoundError"),
        ("import sys\ndef recipe():\n    sys.exit(0)", r"bad\.py:3 ended the program \(sys\.exit\(0\)\)"),
    ],
)
def test_a_recipe_that_raises(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text(text)
    assert main(["run", str(tmp_path / "bad.py"), "--directory", str(tmp_path)]) == 2
    assert re.match(rf"modeld-export: {message}", capsys.readouterr().err)


def test_a_recipe_imports_what_lies_beside_it_also_later(tmp_path: Path) -> None:
    (tmp_path / "beside_recipe.py").write_text("NAME = 'm'\n")
    path = tmp_path / "types.py"  # which Python has as well
    path.write_text(
        "from modeld_export import Recipe\n"
        "def recipe():\n    import beside_recipe\n    return Recipe(None, (), beside_recipe.NAME, '1')\n"
    )
    assert load_recipe(path).name == "m"
    import types

    assert types.FunctionType


def test_an_interrupt_is_one_line(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupts(_: Path) -> Recipe:
        raise KeyboardInterrupt

    monkeypatch.setattr("modeld_export.recipe.load_recipe", interrupts)
    assert main(["run", str(recipe)]) == 130
    assert capsys.readouterr().err.count("\n") == 1


SLOW = """
import time
from pathlib import Path

from recipe_of_scale import recipe as of_scale
import modeld_export.torchscript as torchscript


def slow(*arguments):
    Path("begun").touch()
    time.sleep(60)


torchscript.save = slow
recipe = of_scale
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_no_work_directory(recipe: Path, tmp_path: Path, number: int, status: int) -> None:
    recipe.rename(tmp_path / "recipe_of_scale.py")
    (tmp_path / "slow.py").write_text(SLOW)
    other = tmp_path / "out" / ".modeld-export-other"  # of a process that goes on
    other.mkdir(parents=True)
    command = [sys.executable, "-m", "modeld_export.cli", "run", "slow.py", "--directory", "out"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background ignores SIGINT, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (tmp_path / "begun").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == status
    assert said.splitlines()[-1] == "modeld-export: interrupted; what was not finished is not written"
    assert "Traceback" not in said
    assert list((tmp_path / "out").iterdir()) == [other]


FULL = """
import torch
from modeld_export import Recipe


def recipe():
    layer = torch.nn.Sequential(torch.nn.Linear(300, 450)).eval()
    return Recipe(layer, torch.rand(2, 300), name="m", version="1", formats=["scripted", "traced", "onnx"])
"""


def test_a_file_system_that_takes_no_more_is_said_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    """By the kernel, for all that the process writes."""
    (tmp_path / "full.py").write_text(FULL)
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-m", "modeld_export.cli", "run", "full.py", "--directory", "out"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 2, done
    for file in ("m-1.scripted.pt", "m-1.traced.pt", "m-1.onnx"):
        assert f"error [disk]: {file} cannot be written: File too large; free some space" in done.stdout
    assert not done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_a_report_that_cannot_be_written_is_said_before_exporting(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "out"
    assert main(["run", str(recipe), "--directory", str(out), "--report", str(tmp_path / "file")]) == 2
    assert "cannot be made" in capsys.readouterr().err
    assert not out.exists()


def test_a_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.py")]) == 2
    assert "no recipe at" in capsys.readouterr().err
    (tmp_path / "recipe.txt").write_text("")
    with pytest.raises(ExportError, match="is not Python"):
        load_recipe(tmp_path / "recipe.txt")


def test_a_recipe_says_nothing_where_export_has_defaults() -> None:
    arguments = Recipe(None, (), name="m", version="1").arguments()
    assert "opset" not in arguments
    assert "metric" not in arguments


def test_the_schema_is_that_of_the_proto(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["version"]
    assert schema["properties"]["batching"] == {
        "$ref": "#/$defs/BatchingConfig",
        "description": "How requests are joined into batches. Default: not at all.",
    }
    script = Path(__file__).parents[3] / "tools" / "export" / "make_schema.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True)


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m modeld_export.cli schema"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "a.py", "--threads", "0"],
        ["check", "a.pt", "--timeout-s", "-5"],
        ["check", "a.pt", "--timeout-s", "soon"],
        ["push", "a.pt", "--models", ".", "--timeout-s", "nan"],
        ["push", "a.pt", "--models", ".", "--timeout-s", "0"],
        ["push", "a.pt", "--models", ".", "--timeout-s", "soon"],
    ],
)
def test_numbers_that_mean_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert f"{arguments[-1]!r}, expected" in capsys.readouterr().err


def test_importing_costs_next_to_nothing() -> None:
    """Beyond importing torch, at most 0.3 s."""
    code = (
        "import time, torch; began = time.perf_counter(); import modeld_export; "
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.3


def test_help_imports_no_torch() -> None:
    code = (
        "import sys, modeld_export.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_an_unknown_name() -> None:
    import modeld_export

    with pytest.raises(AttributeError, match="no attribute 'exprot'"):
        modeld_export.exprot  # noqa: B018
