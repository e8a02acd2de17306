"""What forward does that no exported file does: seen by the functions that its lines call."""

from __future__ import annotations

import datetime
import os
import platform
import random
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import torch

CLOCK, FILE, LOG = "reads a clock", "opens a file", "logs or warns"
PLACE, PROCESS = "asks the machine for its files, name or environment", "starts a process"
SETTING = "changes a setting of PyTorch"
_STANDARD = sysconfig.get_paths()["stdlib"]
_PACKAGES = sysconfig.get_paths()["purelib"]
_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
_DATES = ("localtime", "gmtime", "ctime", "asctime", "strftime")
# Of C, by module and name; and of Python, by the file of the standard library.
_BUILTINS = {
    **{("time", name): CLOCK for name in (*_CLOCKS, *(f"{name}_ns" for name in _CLOCKS), *_DATES)},
    ("posix", "open"): FILE,
    ("io", "open"): FILE,
    ("_io", "open"): FILE,
    ("_warnings", "warn"): LOG,
    **{("posix", name): PLACE for name in ("listdir", "scandir", "stat", "access", "uname", "getcwd")},
    ("_socket", "gethostname"): PLACE,
    **{("posix", name): PROCESS for name in ("system", "fork", "posix_spawn")},
}
_SETTINGS = ("set_num_threads", "set_num_interop_threads", "set_flush_denormal")
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    PLACE: (
        os.getenv,
        type(os.environ).__getitem__,
        *(getattr(os.path, name) for name in ("exists", "isfile", "isdir", "getsize", "getmtime")),
        *(getattr(Path, name) for name in ("exists", "is_file", "is_dir", "stat", "iterdir", "glob")),
        platform.node,
    ),
    PROCESS: (
        *(getattr(subprocess, name) for name in ("run", "call", "check_call", "check_output")),
        subprocess.Popen.__init__,
        os.popen,
    ),
    SETTING: (torch.set_default_dtype, torch.set_default_device),
}
_CODES = {
    function.__code__: effect
    for effect, functions in _FUNCTIONS.items()
    for function in functions
    if hasattr(function, "__code__")
}
# Of every mapping, and so of the environment.
_LOOKS = (Mapping.get.__code__, Mapping.__contains__.__code__)
_FILES = {"logging/__init__.py": LOG, "pathlib.py": FILE, "pathlib/__init__.py": FILE}
_OPENS = ("open", "read_text", "read_bytes", "write_text", "write_bytes")


def _is_users(path: str) -> bool:
    here = (str(Path(__file__).parent), str(Path(torch.__file__).parent))
    standard = path.startswith(_STANDARD) and not path.startswith(_PACKAGES)
    return not (
        path.startswith(here) or standard or path.startswith(("<frozen", "<string", "<modeld_export"))
    )


def _of_builtin(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, datetime.date):
        return CLOCK if function.__name__ in ("now", "utcnow", "today") else ""
    if function.__name__ in _SETTINGS and isinstance(owner, (type(None), ModuleType)):
        return SETTING
    return _BUILTINS.get((getattr(function, "__module__", None) or "", function.__name__), "")


def _of_python(frame: FrameType) -> str:
    path, name = frame.f_code.co_filename, frame.f_code.co_name
    if frame.f_code in _LOOKS and frame.f_locals.get("self") is os.environ:
        return PLACE
    if frame.f_code in _CODES:
        return _CODES[frame.f_code]
    for end, effect in _FILES.items():
        if path.startswith(_STANDARD) and path.endswith(end) and (effect is not FILE or name in _OPENS):
            return effect
    return ""


@contextmanager
def _watched_by(watch: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    if sys.getprofile() is not None:  # a profiler's, which cannot always be put back
        yield
        return
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def effects() -> Iterator[dict[str, str]]:
    """By effect, the first line that had it."""
    found: dict[str, str] = {}

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        caller = frame if event == "c_call" else frame.f_back if event == "call" else None
        if caller is None or not _is_users(caller.f_code.co_filename):
            return
        effect = _of_builtin(argument) if event == "c_call" else _of_python(frame)
        if effect:
            found.setdefault(effect, f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}")

    with _watched_by(watch):
        yield found


_OPERATORS = ("torch._C._VariableFunctions", "torch._C._nn", "torch._C._linalg", "torch._C._fft", "torch")


@contextmanager
def raising() -> Iterator[list[str]]:
    """The names of PyTorch's operators that raised."""
    found: list[str] = []

    def watch(_: FrameType, event: str, function: Any) -> None:
        if event == "c_exception" and (
            isinstance(getattr(function, "__self__", None), torch.Tensor)
            or getattr(function, "__module__", None) in _OPERATORS
        ):
            found.append(function.__name__)

    with _watched_by(watch):
        yield found


def generators() -> tuple[object, ...]:
    """The states of those that everybody draws from."""
    kept = np.random.get_state(legacy=False)
    return torch.get_rng_state().tolist(), random.getstate(), repr(kept)
