"""AOTInductor packages (.pt2): the module compiled ahead of time for this machine's CPU."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from .checks import numbers_of
from .convolutions import any_rows
from .errors import ExportError, cannot_write, cut, reason
from .onnx_model import dynamic_shapes, violated
from .subject import Subject
from .trials import to_compile

FIRST_WITH_BUFFERS = (2, 8)  # of those PyTorch versions that write a package to one


def save(subject: Subject, path: Path) -> None:
    """Compiles it, which takes a C++ compiler and some ten seconds, and puts config and golden sample into
    it.

    Raises:
      ExportError: torch before 2.6, or a module that torch.export or the compiler does not take; or the
        package cannot be written, as where the disk is full.
    """
    compile_package = getattr(torch._inductor, "aoti_compile_and_package", None)
    if compile_package is None:
        raise ExportError(
            f"torch is {torch.__version__}, and packages came with 2.6; pip install --upgrade torch"
        )
    # PyTorch's own writer of files ends the process where the disk is full.
    into = io.BytesIO() if numbers_of(torch.__version__) >= FIRST_WITH_BUFFERS else None
    try:
        with warnings.catch_warnings(), torch.no_grad(), any_rows():
            warnings.simplefilter("ignore")
            exported = torch.export.export(
                subject.module,
                to_compile(subject.call, subject.axes, subject.module).positional,
                dynamic_shapes=dynamic_shapes(subject),
            )
            compile_package(exported, package_path=into or str(path))
    except Exception as error:
        raise ExportError(f"it cannot be compiled ahead of time: {explain(error)}") from error
    try:
        if into is not None:
            path.write_bytes(into.getbuffer())
        with zipfile.ZipFile(path, "a") as archive:
            root = archive.namelist()[0].split("/")[0]
            for name, content in subject.extra_files().items():
                archive.writestr(f"{root}/extra/{name}", content)
    except OSError as error:
        raise cannot_write(path, error) from error


def explain(error: BaseException) -> str:
    """In one line, with what helps."""
    text = str(error)
    if "Constraints violated" in text:
        return violated(error)
    # The command is long; what its compiler said is what helps.
    said = text.partition("Output:")[2] if "C++ compile error" in text else ""
    lines = [line for line in said.splitlines() if "error" in line.lower() or "No space" in line]
    return cut("\n".join(lines) or said) or reason(error)


def load(path: Path) -> Any:
    """Runs it in this process. PyTorch's own reader takes every extra file for text, so golden samples are
    left out of what it is given."""
    with tempfile.TemporaryDirectory(prefix="modeld-export-") as directory:
        plain = Path(directory) / path.name
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(plain, "w") as copy:
            for entry in archive.infolist():
                if "/extra/golden/" not in entry.filename:
                    copy.writestr(entry, archive.read(entry))
        return torch._inductor.aoti_load_package(str(plain))  # unpacks it elsewhere
