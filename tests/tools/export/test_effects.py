"""What forward does beside computing is said, also where it stands in what forward calls."""

from __future__ import annotations

import cProfile
import datetime
import logging
import os
import random
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modeld_export import Severity

X = torch.linspace(0.1, 1, 8).reshape(2, 4)
COUNT = 0
KEPT: dict[str, int] = {}


WARNED: set[str] = set()
DATA: dict[str, Tensor] = {}


def warns_once() -> None:
    WARNED.add("old")


def counts() -> None:
    global COUNT
    COUNT += 1


def keeps() -> None:
    KEPT["calls"] = KEPT.get("calls", 0) + 1


class Does(nn.Module):
    """Something beside computing."""

    def __init__(self, name: str, path: str = "") -> None:
        super().__init__()
        self.name = name
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        act = getattr(self, self.name)
        act()
        return x * 1.0

    def warn_once(self) -> None:
        warns_once()

    def cache_data(self) -> None:
        if "mean" not in DATA:
            DATA["mean"] = torch.ones(2).mean()

    def count(self) -> None:
        counts()

    def keep(self) -> None:
        keeps()

    def set_environment(self) -> None:
        os.environ["MODELD_TEST_CALLS"] = os.environ.get("MODELD_TEST_CALLS", "") + "1"

    def draw(self) -> None:
        random.random()

    def draw_by_numpy(self) -> None:
        np.random.rand()

    def tell_time(self) -> None:
        time.time()

    def tell_hour(self) -> None:
        time.localtime()

    def format_time(self) -> None:
        time.strftime("%H")

    def tell_nanoseconds(self) -> None:
        time.monotonic_ns()

    def open_by_number(self) -> None:
        os.close(os.open(self.path, os.O_RDONLY))

    def tell_date(self) -> None:
        datetime.datetime.now()

    def read(self) -> None:
        with open(self.path) as file:
            file.read()

    def ask_environment(self) -> None:
        os.environ.get("HOME")

    def ask_whether_in_environment(self) -> None:
        "HOME" in os.environ  # noqa: B015

    def ask_environment_by_function(self) -> None:
        os.getenv("HOME")

    def ask_name(self) -> None:
        socket.gethostname()

    def list_directory(self) -> None:
        os.listdir(os.path.dirname(self.path))

    def ask_for_file(self) -> None:
        os.path.exists(self.path)

    def ask_for_path(self) -> None:
        Path(self.path).exists()

    def run_process(self) -> None:
        subprocess.run(["true"], check=True)

    def run_shell(self) -> None:
        os.system("true")

    def set_threads(self) -> None:
        torch.set_num_threads(torch.get_num_threads())

    def set_dtype(self) -> None:
        torch.set_default_dtype(torch.float32)

    def set_denormals(self) -> None:
        torch.set_flush_denormal(False)

    def read_by_path(self) -> None:
        Path(self.path).read_text()

    def log(self) -> None:
        logging.getLogger("m").warning("called")

    def warn(self) -> None:
        warnings.warn("called", stacklevel=2)

    def print_error(self) -> None:
        print("called", file=sys.stderr)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("count", "side-effect"),
        ("keep", "side-effect"),
        ("cache_data", "side-effect"),
        ("set_environment", "side-effect"),
        ("draw", "random"),
        ("draw_by_numpy", "random"),
    ],
)
def test_what_makes_an_answer_another_is_an_error(
    exported: Any, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELD_TEST_CALLS", "")
    made = exported(Does(name), X)
    assert (kind, Severity.ERROR) in {(each.kind, each.severity) for each in made.findings}, made
    assert not made.ok


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tell_time", "reads a clock"),
        ("tell_date", "reads a clock"),
        ("tell_hour", "reads a clock"),
        ("format_time", "reads a clock"),
        ("tell_nanoseconds", "reads a clock"),
        ("open_by_number", "opens a file"),
        ("read", "opens a file"),
        ("read_by_path", "opens a file"),
        *(
            (name, "asks the machine for its files, name or environment")
            for name in (
                "ask_environment",
                "ask_whether_in_environment",
                "ask_environment_by_function",
                "ask_name",
                "list_directory",
                "ask_for_file",
                "ask_for_path",
            )
        ),
        ("run_process", "starts a process"),
        ("run_shell", "starts a process"),
        ("set_threads", "changes a setting of PyTorch"),
        ("set_dtype", "changes a setting of PyTorch"),
        ("set_denormals", "changes a setting of PyTorch"),
        ("log", "logs or warns"),
        ("warn", "logs or warns"),
        ("print_error", "prints"),
    ],
)
def test_what_a_file_does_not_do_is_a_warning_with_its_line(
    exported: Any, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "scale").write_text("2")
    made = exported(Does(name, str(tmp_path / "scale")), X)
    (finding,) = made.findings
    assert (finding.kind, finding.severity) == ("side-effect", Severity.WARNING)
    assert f"forward {said}" in finding.message
    assert finding.where.startswith("test_effects.py:")
    assert made.ok


def test_what_is_kept_of_the_first_call_only_and_is_no_data_is_a_warning(exported: Any) -> None:
    WARNED.clear()
    made = exported(Does("warn_once"), X)
    assert [each.severity for each in made.findings] == [Severity.WARNING], made
    assert "WARNED" in made.findings[0].message
    assert made.ok


def test_a_profiler_stays_what_it_is(exported: Any) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert exported(Does("print_error"), X).ok
    finally:
        profiler.disable()
    assert profiler.getstats()


class Prints(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        print("called")
        return x * 1.0


def test_what_is_printed_is_said_once(exported: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = exported(Prints(), X, ["traced", "scripted", "onnx"])
    assert [each.kind for each in made.findings] == ["side-effect"]
    assert capsys.readouterr().out == ""
