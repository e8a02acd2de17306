"""The real programs, and a daemon of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from daemon_process import DaemonProcess


def program(name: str) -> str:
    """By MODELD_BIN or MODELCTL_BIN."""
    path = os.environ.get(f"{name.upper()}_BIN", "")
    if not Path(path).is_file():
        pytest.fail(f"no {name} at {path!r}: build it, and set {name.upper()}_BIN", pytrace=False)
    return path


def new_daemon(directory: Path) -> DaemonProcess:
    """One that takes every format, and runs files as they were saved; not started yet."""
    options = ["--try-plans=false", "--formats=torchscript,onnx,pt2"]
    return DaemonProcess(program("modeld"), program("modelctl"), directory, settle_ms=50, options=options)
