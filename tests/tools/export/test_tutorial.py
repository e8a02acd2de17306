"""docs/export.md, block by block, as a reader would."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import program

DOCS = Path(__file__).parents[3] / "docs" / "export.md"
BLOCK = re.compile(r"^```(?P<kind>[^\n]+)\n(?P<text>.*?)^```$", re.M | re.S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A directory with the programs in its PATH; what was started there ends with the test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("modeld", "modelctl"):
        (programs / name).symlink_to(Path(program(name)).resolve())
    path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    yield tmp_path, {**os.environ, "PATH": path, "MODELD_BIN": str(programs / "modeld")}
    pid_file = tmp_path / "daemon.pid"
    if pid_file.is_file():
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


def test_the_tutorial(desk: tuple[Path, dict[str, str]]) -> None:
    directory, environment = desk
    text = DOCS.read_text()
    for port in ("8500", "8501"):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    printed = ""
    for block in BLOCK.finditer(text):
        kind = block["kind"].split()
        if len(kind) == 2 and kind[1].startswith("file="):
            (directory / kind[1].removeprefix("file=")).write_text(block["text"])
        elif kind == ["sh", "run"]:
            script = block["text"].replace(" 2>&1 &\n", " 2>&1 &\necho $! >daemon.pid\n")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=directory,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{block['text']}\n{done.stdout}\n{done.stderr}"
            printed += done.stdout
    assert "digits-1.0.scripted.pt" in printed
    assert "would serve" in printed
    assert "digits 1.1 is live" in printed
    assert '"logits_classes"' in printed
    assert "sevens look like ones" in printed
