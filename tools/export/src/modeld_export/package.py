"""AOTInductor packages (.pt2): the module compiled ahead of time for this machine's CPU."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from .convolutions import any_rows
from .errors import ExportError, reason
from .onnx_model import dynamic_shapes
from .subject import Subject
from .trials import to_compile


def save(subject: Subject, path: Path) -> None:
    """Compiles it, which takes a C++ compiler and some ten seconds, and puts config and golden sample into
    it.

    Raises:
      ExportError: torch before 2.6, or a module that torch.export or the compiler does not take.
    """
    compile_package = getattr(torch._inductor, "aoti_compile_and_package", None)
    if compile_package is None:
        raise ExportError(
            f"torch is {torch.__version__}, and packages came with 2.6; pip install --upgrade torch"
        )
    try:
        with warnings.catch_warnings(), torch.no_grad(), any_rows():
            warnings.simplefilter("ignore")
            exported = torch.export.export(
                subject.module,
                to_compile(subject.call, subject.axes, subject.module).positional,
                dynamic_shapes=dynamic_shapes(subject),
            )
            compile_package(exported, package_path=str(path))
    except Exception as error:
        raise ExportError(f"it cannot be compiled ahead of time: {reason(error)}") from error
    with zipfile.ZipFile(path, "a") as archive:
        root = archive.namelist()[0].split("/")[0]
        for name, content in subject.extra_files().items():
            archive.writestr(f"{root}/extra/{name}", content)


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
