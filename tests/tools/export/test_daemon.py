"""The daemon's own probe before a drop, and the drop itself, with the real programs (MODELD_BIN,
MODELCTL_BIN)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import export_modules as modules
import models
import pytest
import torch
from daemon_process import DaemonProcess
from programs import new_daemon, program

from modeld_export import ExportError, RefusedError, check, push
from modeld_export.cli import main
from modeld_export.daemon import CheckReport, find_modeld

X = torch.rand(2, 4)


@pytest.fixture
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with new_daemon(tmp_path_factory.mktemp("daemon")) as process:
        yield process


@pytest.mark.parametrize("format", ["traced", "scripted", "int8", "bf16", "onnx", "pt2"])
def test_the_daemon_takes_every_format(exported: Any, format: str) -> None:
    made = exported(modules.Linear(), X, [format], labels={"output": ["a", "b", "c"]})
    report = check(made.artifact(format).path, modeld=program("modeld"))
    assert report.passed, report.as_text()
    assert [sample["passed"] for sample in report.report["golden"]] == [True]
    assert "golden/0: passed" in report.as_text() or "0: passed" in report.as_text()


@pytest.mark.parametrize("format", ["scripted", "onnx"])
def test_the_config_is_read_as_it_was_written(exported: Any, format: str) -> None:
    """By the daemon's own reader, in C++."""
    made = exported(
        modules.Linear(),
        X,
        [format],
        config={
            "description": "a test",
            "batching": {"max_batch_size": 8, "preferred_batch_sizes": [4]},
            "execution": {"objective": "throughput", "tolerance": {"rtol": 0.001, "atol": 0.0001}},
            "postprocess": {"output": {"softmax": True, "top_k": 2}},
            "metadata": {"trained_on": "nothing", "epochs": 3},
        },
    )
    command = [program("modelctl"), "inspect", "-o", "json", str(made.artifact(format).path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (file,) = json.loads(done.stdout)["files"]
    assert file["accepted"]
    assert not file["warnings"]
    assert file["config"] == made.config


def test_a_file_that_it_would_refuse(exported: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = exported(modules.Linear(), X, ["scripted"], config={"outputs": [{"name": "y", "dtype": "INT64"}]})
    file = path.artifact("scripted").path
    os.environ["MODELD_BIN"] = program("modeld")
    assert main(["check", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "would be quarantined" in printed
    assert "reason:" in printed
    assert main(["check", str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "PROBE_OUTCOME_CONTRADICTS_CONFIG"


def test_the_chosen_plan_is_told(exported: Any) -> None:
    file = exported(modules.Convolves(), torch.rand(2, 3, 32, 32), ["scripted"]).artifact("scripted").path
    report = check(file, modeld=program("modeld"))
    assert report.plan in report.as_text()
    assert "plan libtorch" in report.as_text()


def test_a_check_of_45_mb_takes_at_most_30_s(exported: Any) -> None:
    made = exported(models.ResNet18(), torch.rand(1, 3, 224, 224), ["scripted"], name="resnet18")
    file = made.artifact("scripted").path
    assert file.stat().st_size > 45e6
    began = time.monotonic()
    assert check(file, modeld=program("modeld")).passed
    assert time.monotonic() - began <= 30


@pytest.mark.parametrize("format", ["scripted", "onnx"])
def test_push_waits_until_it_is_live(
    exported: Any, daemon: DaemonProcess, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = modules.Linear()
    file = exported(module, X, [format]).artifact(format).path
    arguments = ["push", str(file), "--models", str(daemon.drop), "--address", daemon.address]
    assert main(arguments) == 0  # name and version stand in the file
    assert capsys.readouterr().out == "m 1.0 is live\n"
    with daemon.client() as client, torch.no_grad():
        answer = client.predict("m", {"x": X.numpy()})
        assert torch.allclose(torch.as_tensor(answer.outputs["output"]), module(X), atol=1e-5)
    for _ in range(2):  # again is no conflict: the bytes are the same
        push(file, daemon.drop, name="m", version="1.0", address=daemon.address)


def test_a_package_of_convolutions_answers_many_rows(exported: Any, daemon: DaemonProcess) -> None:
    module = modules.Convolves()
    file = exported(module, torch.rand(2, 3, 8, 8), ["pt2"]).artifact("pt2").path
    push(file, daemon.drop, address=daemon.address)
    many = torch.rand(20, 3, 8, 8)
    with daemon.client() as client, torch.no_grad():
        for rows in (many, many[:1]):
            answer = client.predict("m", {"image": rows.numpy()}).outputs["output"].copy()
            assert torch.allclose(torch.from_numpy(answer), module(rows), atol=1e-5)


def test_push_says_why_a_version_is_refused(exported: Any, daemon: DaemonProcess, tmp_path: Path) -> None:
    wrong = exported(modules.Linear(), X, ["scripted"], config={"outputs": [{"name": "y", "dtype": "INT64"}]})
    with pytest.raises(RefusedError, match=r"m 1\.0 is quarantined: "):
        push(wrong.artifact("scripted").path, daemon.drop, name="m", version="1.0", address=daemon.address)
    (tmp_path / "broken.pt").write_bytes(b"no archive")
    with pytest.raises(ExportError, match=r"broken\.pt is quarantined: "):
        push(tmp_path / "broken.pt", daemon.drop, name="broken", version="1", address=daemon.address)
    right = exported(modules.Linear(), X, ["scripted"], name="n").artifact("scripted").path
    with pytest.raises(ExportError, match=r"is version '1\.0' by its own config, but '2\.0' was given"):
        push(right, daemon.drop, version="2.0", address=daemon.address)
    assert not (daemon.drop / right.name).exists()


def test_push_without_a_daemon_drops_nothing(
    exported: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = exported(modules.Linear(), X, ["onnx"]).artifact("onnx").path
    (tmp_path / "drop").mkdir()
    arguments = ["push", str(file), "--models", str(tmp_path / "drop"), "--address", "127.0.0.1:1"]
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("modeld-export: no daemon answers at '127.0.0.1:1'; start modeld")
    assert message.count("\n") == 1
    assert not list((tmp_path / "drop").iterdir())


def test_push_of_other_bytes_of_a_live_version_is_not_live(exported: Any, daemon: DaemonProcess) -> None:
    made = exported(modules.Linear(), X, ["scripted", "traced"])
    push(made.artifact("scripted").path, daemon.drop, address=daemon.address)
    with pytest.raises(RefusedError, match="is registered with other bytes"):
        push(made.artifact("traced").path, daemon.drop, address=daemon.address)


def test_push_of_the_same_bytes_with_another_config_is_not_live(
    exported: Any, daemon: DaemonProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plain.pt"
    torch.jit.script(modules.Linear().eval()).save(str(file))
    beside = tmp_path / "plain.pt.config.json"
    arguments = ["push", str(file), "--models", str(daemon.drop), "--address", daemon.address]
    beside.write_text(json.dumps({"name": "plain", "version": "1.0"}))
    assert main(arguments) == 0
    beside.write_text(json.dumps({"name": "plain", "version": "1.0", "description": "another"}))
    assert main(arguments) == 1
    assert "with the same bytes" in capsys.readouterr().err
    beside.write_text(json.dumps({"name": "plain", "version": "1.0"}))
    assert main(arguments) == 0  # what was said of the file before is over


def test_push_of_the_same_bytes_with_another_sample_is_not_live(exported: Any, daemon: DaemonProcess) -> None:
    file = exported(modules.Linear(), X, ["onnx"]).artifact("onnx").path
    push(file, daemon.drop, address=daemon.address)
    samples = file.with_name(file.name + ".golden")
    shutil.copy(samples / "0", samples / "1")
    with pytest.raises(RefusedError, match="other golden samples"):
        push(file, daemon.drop, address=daemon.address)


@pytest.mark.parametrize("suffix", [".golden", ".config.json"])
def test_what_an_earlier_file_left_in_the_drop_directory_is_named(
    exported: Any, daemon: DaemonProcess, suffix: str
) -> None:
    file = exported(modules.Linear(), X, ["scripted"]).artifact("scripted").path
    (daemon.drop / (file.name + suffix)).mkdir()
    with pytest.raises(ExportError, match=rf"{re.escape(suffix)}' lies in .*; remove it there"):
        push(file, daemon.drop, address=daemon.address)
    assert not (daemon.drop / file.name).exists()


def test_a_corrected_file_is_not_told_what_was_wrong_with_the_one_before(
    daemon: DaemonProcess, exported: Any, tmp_path: Path
) -> None:
    file = tmp_path / "m.pt"
    file.write_bytes(b"no archive")
    with pytest.raises(RefusedError, match=r"m\.pt is quarantined"):
        push(file, daemon.drop, name="m", version="1.0", address=daemon.address)
    shutil.copy(exported(modules.Linear(), X, ["scripted"]).artifact("scripted").path, file)
    assert push(file, daemon.drop, address=daemon.address) == "m 1.0"


def test_push_to_a_pinned_model_ends_at_once(exported: Any, daemon: DaemonProcess) -> None:
    for version in ("1.0", "1.1"):
        file = exported(modules.Linear(), X, ["scripted"], version=version).artifact("scripted").path
        push(file, daemon.drop, address=daemon.address)
    with daemon.client() as client:
        socket = daemon.state / "admin.sock"
        subprocess.run(
            [program("modelctl"), "--socket", str(socket), "rollback", "m", "--reason", "a test"], check=True
        )
        assert client.get_model("m").model.pinned_version == "1.0"
    file = exported(modules.Linear(), X, ["scripted"], version="1.2").artifact("scripted").path
    with pytest.raises(
        ExportError, match=r"m 1\.2 is ready, but m is pinned to 1\.0.*modelctl promote m 1\.2"
    ):
        push(file, daemon.drop, address=daemon.address, timeout_s=60)


def test_push_into_a_directory_that_is_not_watched(
    exported: Any, daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modeld_export.daemon.UNSEEN_S", 1.0)
    file = exported(modules.Linear(), X, ["scripted"]).artifact("scripted").path
    (tmp_path / "other").mkdir()
    with pytest.raises(ExportError, match="has not seen it after 1 s"):
        push(file, tmp_path / "other", address=daemon.address)


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match="no file at"):
        check(tmp_path / "none.pt")
    (tmp_path / "m.pt").write_bytes(b"")
    monkeypatch.delenv("MODELD_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match="install modeld, or give its path"):
        find_modeld()
    with pytest.raises(ExportError, match="give the daemon's --drop-directory"):
        push(tmp_path / "m.pt", tmp_path / "none", name="m", version="1", address="127.0.0.1:1")
    with pytest.raises(ExportError, match="no file at"):
        push(tmp_path / "none.pt", tmp_path, name="m", version="1", address="127.0.0.1:1")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "no program at"),
        ("", 0o644, "is not executable"),
        ("no program", 0o755, "cannot be run: Exec format error"),
        ("#!/bin/sh\n", 0o755, "printed '', expected the report of modeld --probe"),
        ("#!/bin/sh\nexit 1", 0o755, "printed '', expected"),
        ("#!/bin/sh\necho '[7]'", 0o755, r"printed '\[7\]', expected"),
        (
            "#!/bin/sh\necho no memory >&2; exit 3",
            0o755,
            r"could not try m\.pt: no memory \(is it modeld\?\)",
        ),
    ],
)
def test_a_program_that_is_no_modeld_is_one_line(
    tmp_path: Path, content: str | None, mode: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pt").write_bytes(b"")
    if content is not None:
        (tmp_path / "modeld").write_text(content)
        (tmp_path / "modeld").chmod(mode)
    assert main(["check", str(tmp_path / "m.pt"), "--modeld", str(tmp_path / "modeld")]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.count("\n") == 1


def test_a_report_of_a_crash() -> None:
    report = CheckReport(
        {
            "outcome": "PROBE_OUTCOME_CRASHED",
            "reason": "killed by SIGSEGV",
            "hint": "compile it again",
            "warnings": ["slow"],
            "golden": [{"sample": "golden/0", "passed": False, "detail": "off by 1"}],
        }
    )
    text = report.as_text()
    for part in (
        "crashed",
        "killed by SIGSEGV",
        "remedy: compile it again",
        "warning: slow",
        "golden/0: off by 1",
    ):
        assert part in text
    assert not report.plan
